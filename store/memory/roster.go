package memory

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"

	"godwit/jid"
	"godwit/store"
)

// roster is one owner's. gone marks one whose account was removed: it is shown as never made, but its version goes on.
type roster struct {
	version, oldest uint64
	gone            bool
	items           []store.RosterItem
	removed         []removal // oldest first
}

type removal struct {
	jid     jid.JID
	version uint64
}

type rosters struct{ s *Store }

// firstVersion is not 1, so that versions of other servers' making are not mistaken for ours.
const firstVersion = 1_000_000

func (r *roster) bump() uint64 {
	if r.version == 0 {
		r.version = firstVersion
	}
	r.version++
	if r.oldest == 0 {
		r.oldest = r.version
	}
	r.gone = false
	return r.version
}

func (r *roster) find(j jid.JID) int {
	return slices.IndexFunc(r.items, func(it store.RosterItem) bool { return it.JID == j })
}

func (r *roster) shown() uint64 {
	if r == nil || r.gone {
		return 0
	}
	return r.version
}

func (r *roster) entomb(j jid.JID) {
	r.removed = append(r.removed, removal{j, r.bump()})
	if n := len(r.removed) - 2*store.RosterHistory; n > 0 {
		cut := len(r.removed) - store.RosterHistory
		r.oldest = r.removed[cut-1].version
		r.removed = slices.Clone(r.removed[cut:])
	}
}

func cloneItem(it store.RosterItem) store.RosterItem {
	it.Groups, it.Request = slices.Clone(it.Groups), bytes.Clone(it.Request)
	return it
}

func (rs rosters) Load(ctx context.Context, owner jid.JID) ([]store.RosterItem, uint64, error) {
	if err := rs.s.enter(ctx); err != nil {
		return nil, 0, err
	}
	defer rs.s.mu.Unlock()
	r := rs.s.rosters[owner]
	if r == nil {
		return nil, 0, nil
	}
	var items []store.RosterItem
	for _, it := range r.items {
		items = append(items, cloneItem(it))
	}
	slices.SortFunc(items, func(a, b store.RosterItem) int { return cmp.Compare(a.JID.String(), b.JID.String()) })
	return items, r.shown(), nil
}

func (rs rosters) Put(ctx context.Context, owner jid.JID, item store.RosterItem, limits store.RosterLimits) (uint64, error) {
	if err := store.CheckOwner(owner); err != nil {
		return 0, err
	}
	item, err := item.Check()
	if err != nil {
		return 0, err
	}
	if err := rs.s.enter(ctx); err != nil {
		return 0, err
	}
	defer rs.s.mu.Unlock()
	r := rs.s.rosters[owner]
	if r == nil {
		r = new(roster)
		rs.s.rosters[owner] = r
	}
	at := r.find(item.JID)
	if at < 0 || r.items[at].Hidden != item.Hidden {
		if err := r.checkLimit(item.Hidden, limits); err != nil {
			return 0, err
		}
	}
	item = cloneItem(item)
	switch {
	case !item.Hidden:
		item.Version = r.bump()
		r.removed = slices.DeleteFunc(r.removed, func(g removal) bool { return g.jid == item.JID })
	case at >= 0 && !r.items[at].Hidden:
		r.entomb(item.JID)
	}
	if at >= 0 {
		r.items[at] = item
	} else {
		r.items = append(r.items, item)
	}
	return r.shown(), nil
}

func (r *roster) checkLimit(hidden bool, limits store.RosterLimits) error {
	allowed := limits.Items
	if hidden {
		allowed = limits.Requests
	}
	n := 0
	for _, it := range r.items {
		if it.Hidden == hidden {
			n++
		}
	}
	if allowed > 0 && n >= allowed {
		return fmt.Errorf("%w: %d roster items, %d allowed", store.ErrLimit, n, allowed)
	}
	return nil
}

func (rs rosters) Delete(ctx context.Context, owner, contact jid.JID) (uint64, error) {
	if err := rs.s.enter(ctx); err != nil {
		return 0, err
	}
	defer rs.s.mu.Unlock()
	r := rs.s.rosters[owner]
	if r == nil || r.find(contact) < 0 {
		return 0, notFound("%s in the roster of %s", contact, owner)
	}
	at := r.find(contact)
	hidden := r.items[at].Hidden
	r.items = slices.Delete(r.items, at, at+1)
	if !hidden {
		r.entomb(contact)
	}
	return r.shown(), nil
}

func (rs rosters) Since(ctx context.Context, owner jid.JID, since uint64) (store.RosterChanges, error) {
	if err := rs.s.enter(ctx); err != nil {
		return store.RosterChanges{}, err
	}
	defer rs.s.mu.Unlock()
	r := rs.s.rosters[owner]
	if r == nil {
		r = new(roster)
	}
	c := store.RosterChanges{Version: r.shown()}
	c.Full = since < r.oldest || since > c.Version
	for _, it := range r.items {
		if !it.Hidden && (c.Full || it.Version > since) {
			c.Items = append(c.Items, cloneItem(it))
		}
	}
	slices.SortFunc(c.Items, func(a, b store.RosterItem) int { return cmp.Compare(a.Version, b.Version) })
	for _, g := range r.removed {
		if !c.Full && g.version > since {
			c.Removed = append(c.Removed, g.jid)
		}
	}
	return c, nil
}
