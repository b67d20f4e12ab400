package account

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"

	"godwit/jid"
	"godwit/server/subscription"
	"godwit/stanza"
	"godwit/store"
	wire "godwit/xep/roster"
	"godwit/xmlstream"
)

// roster is an account's contact list in memory. Owned by the account's writer; the store has the same.
type roster struct {
	items   map[jid.JID]*store.RosterItem
	version uint64
}

// loadRoster makes sure that the roster is in memory. It reports whether it is; a failure has been logged.
func (a *Account) loadRoster() bool {
	if a.roster != nil {
		return true
	}
	items, version, err := a.registry.cfg.Rosters.Load(context.Background(), a.owner)
	if err != nil {
		a.log().Error("the roster could not be read", "error", err)
		return false
	}
	m := make(map[jid.JID]*store.RosterItem, len(items))
	for i := range items {
		m[items[i].JID] = &items[i]
	}
	a.roster = &roster{items: m, version: version}
	return true
}

func stateOf(it *store.RosterItem) subscription.State {
	if it == nil {
		return subscription.State{}
	}
	return subscription.State{
		To:         it.Subscription == store.SubTo || it.Subscription == store.SubBoth,
		From:       it.Subscription == store.SubFrom || it.Subscription == store.SubBoth,
		PendingOut: it.Ask, PendingIn: it.PendingIn, Approved: it.Approved,
	}
}

func (r *roster) where(want func(subscription.State) bool) iter.Seq[jid.JID] {
	return func(yield func(jid.JID) bool) {
		for contact, it := range r.items {
			if want(stateOf(it)) && !yield(contact) {
				return
			}
		}
	}
}

// subscribers are the contacts that see the account's presence.
func (r *roster) subscribers() iter.Seq[jid.JID] {
	return r.where(func(s subscription.State) bool { return s.From })
}

// subscriptions are the contacts whose presence the account sees.
func (r *roster) subscriptions() iter.Seq[jid.JID] {
	return r.where(func(s subscription.State) bool { return s.To })
}

func (r *roster) sees(contact jid.JID) bool { return stateOf(r.items[contact]).From }

// Contact is what an account's roster says about an address, for policies of other rooms.
type Contact struct {
	Known    bool // in the roster
	From, To bool // the contact sees the account, the account sees the contact
	Groups   []string
}

// Contact looks an address up in an account's roster. It waits for the account and must not be called by an account's writer.
func (r *Registry) Contact(owner, who jid.JID) (c Contact, err error) {
	err = errors.New("account: the roster could not be read")
	r.call(owner, func(a *Account) {
		if !a.loadRoster() {
			return
		}
		it := a.roster.items[who.Bare()]
		s := stateOf(it)
		c, err = Contact{Known: it != nil && !it.Hidden, From: s.From, To: s.To}, nil
		if c.Known {
			c.Groups = it.Groups
		}
	})
	return c, err
}

// RosterView is what a roster get is answered with (RFC 6121 §2.1.3, §2.6).
type RosterView struct {
	Items   []store.RosterItem
	Version uint64
	// Removed and Changed are meaningful if Since was usable: then the answer is an empty result followed by pushes (RFC 6121 §2.6.3).
	Since   bool
	Removed []jid.JID
}

// Roster answers a session's roster request and makes the session one that gets pushes from then on. since is the version the client has;
// versioned is false when it did not say.
func (r *Registry) Roster(ctx context.Context, s *Session, since uint64, versioned bool) (v RosterView, err error) {
	r.call(s.owner.owner, func(a *Account) {
		if !a.loadRoster() {
			err = errors.New("account: the roster could not be read")
			return
		}
		a.setInterested(s)
		v.Version = a.roster.version
		if versioned {
			changes, e := r.cfg.Rosters.Since(ctx, a.owner, since)
			if e == nil && !changes.Full {
				v.Items, v.Removed, v.Since, v.Version = changes.Items, changes.Removed, true, changes.Version
				return
			}
		}
		for _, it := range a.roster.items {
			if !it.Hidden {
				v.Items = append(v.Items, *it)
			}
		}
		slices.SortFunc(v.Items, func(x, y store.RosterItem) int { return strings.Compare(x.JID.String(), y.JID.String()) })
	})
	return v, err
}

// SetContact adds a contact or changes its name and groups (RFC 6121 §2.3, §2.4); nothing else of wish counts.
func (r *Registry) SetContact(ctx context.Context, s *Session, wish store.RosterItem) (bad *stanza.Error) {
	r.call(s.owner.owner, func(a *Account) {
		if !a.loadRoster() {
			bad = stanza.ErrInternalServerError()
			return
		}
		it := a.copyItem(wish.JID)
		it.Name, it.Groups, it.Hidden = wish.Name, wish.Groups, false
		bad = a.putItem(ctx, it, false)
	})
	return bad
}

// RemoveContact takes a contact out of the roster and cancels the subscriptions both ways (RFC 6121 §2.5).
func (r *Registry) RemoveContact(ctx context.Context, s *Session, contact jid.JID) (bad *stanza.Error) {
	r.call(s.owner.owner, func(a *Account) {
		if !a.loadRoster() {
			bad = stanza.ErrInternalServerError()
			return
		}
		it := a.roster.items[contact]
		if it == nil || it.Hidden {
			bad = stanza.ErrItemNotFound()
			return
		}
		before := stateOf(it)
		version, err := r.cfg.Rosters.Delete(ctx, a.owner, contact)
		if err != nil {
			bad = a.storeError("a contact could not be removed", err)
			return
		}
		delete(a.roster.items, contact)
		a.roster.version = version
		a.push(store.RosterItem{JID: contact, Version: version}, true)
		if before.To || before.PendingOut {
			a.emit(stanza.Build(stanza.Presence, stanza.Unsubscribe, contact, a.owner, "", nil))
		}
		if before.From || before.PendingIn {
			a.emit(stanza.Build(stanza.Presence, stanza.Unsubscribed, contact, a.owner, "", nil))
		}
		if before.From {
			a.sendUnavailable(contact)
		}
	})
	return bad
}

func (a *Account) copyItem(contact jid.JID) store.RosterItem {
	if it := a.roster.items[contact]; it != nil {
		return *it
	}
	return store.RosterItem{JID: contact, Subscription: store.SubNone, Hidden: true}
}

// putItem stores an item and pushes it to the interested resources unless it is hidden or quiet.
func (a *Account) putItem(ctx context.Context, it store.RosterItem, quiet bool) *stanza.Error {
	version, err := a.registry.cfg.Rosters.Put(ctx, a.owner, it, a.rosterLimits())
	if err != nil {
		return a.storeError("a contact could not be stored", err)
	}
	if !it.Hidden {
		it.Version, a.roster.version = version, version
	}
	a.roster.items[it.JID] = &it
	if !it.Hidden && !quiet {
		a.push(it, false)
	}
	return nil
}

func (a *Account) storeError(what string, err error) *stanza.Error {
	switch {
	case errors.Is(err, store.ErrLimit):
		return stanza.ErrPolicyViolation()
	case errors.Is(err, store.ErrQuota): // XEP-0160 §3
		return stanza.ErrServiceUnavailable().WithText("the recipient's inbox is full")
	case errors.Is(err, store.ErrNotFound):
		return stanza.ErrItemNotFound()
	case errors.Is(err, store.ErrInvalid):
		return stanza.ErrBadRequest()
	case errors.Is(err, store.ErrBusy), errors.Is(err, store.ErrFull), errors.Is(err, store.ErrClosed):
		return stanza.ErrResourceConstraint()
	}
	a.log().Error(what, "error", err)
	return stanza.ErrInternalServerError()
}

// push sends one item to every interested resource (RFC 6121 §2.1.6).
func (a *Account) push(it store.RosterItem, removed bool) {
	for _, s := range a.sessions {
		if s.interested {
			s.send(rosterPush(s.JID, it, removed), 0)
		}
	}
}

// rosterPush is the push of one item (RFC 6121 §2.1.6).
func rosterPush(to jid.JID, it store.RosterItem, removed bool) *stanza.Stanza {
	item := WireItem(it)
	if removed {
		item = wire.Item{JID: it.JID, Subscription: wire.Remove}
	}
	return stanza.Build(stanza.IQ, stanza.Set, to, to.Bare(), "push-"+randomID(6), func(e *xmlstream.Encoder) {
		wire.Query{Ver: FormatVersion(it.Version), HasVer: true, Items: []wire.Item{item}}.Encode(e)
	})
}

// WireItem is a stored item as it goes over the wire (RFC 6121 §2.1.2).
func WireItem(it store.RosterItem) wire.Item {
	return wire.Item{JID: it.JID, Name: it.Name, Subscription: wire.Subscription(it.Subscription), Ask: it.Ask, Approved: it.Approved, Groups: it.Groups}
}

// PushChanges sends a session what changed since the version it has, one push each (RFC 6121 §2.6.3).
func (r *Registry) PushChanges(s *Session, v RosterView) {
	r.do(s.owner.owner, true, func(*Account) {
		for _, contact := range v.Removed {
			s.send(rosterPush(s.JID, store.RosterItem{JID: contact, Version: v.Version}, true), 0)
		}
		for _, it := range v.Items {
			s.send(rosterPush(s.JID, it, false), 0)
		}
	})
}
