package memory

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"
	"time"

	"godwit/client/cache"
	"godwit/jid"
)

// Messages implements cache.History.
func (c *Cache) Messages(ctx context.Context, q cache.HistoryQuery) (page []cache.Message, more bool, err error) {
	if q, err = q.Check(); err != nil {
		return nil, false, err
	}
	err = c.read(ctx, func(d *data) error {
		list := d.all
		if !q.Chat.IsZero() {
			list = d.chats[q.Chat]
		}
		if !q.After.IsZero() {
			list = list[sort.Search(len(list), func(i int) bool { return q.After.Before(list[i].Place()) }):]
		}
		if !q.Before.IsZero() {
			list = list[:sort.Search(len(list), func(i int) bool { return !list[i].Place().Before(q.Before) })]
		}
		if more = len(list) > q.Max; more && q.Forward {
			list = list[:q.Max]
		} else if more {
			list = list[len(list)-q.Max:]
		}
		for _, m := range list {
			page = append(page, copyMessage(m))
		}
		return nil
	})
	return page, more, err
}

// Message implements cache.History.
func (c *Cache) Message(ctx context.Context, sender jid.JID, originID string) (cache.Message, error) {
	return c.message(ctx, seenKey{false, sender, originID})
}

// MessageByStanzaID implements cache.History.
func (c *Cache) MessageByStanzaID(ctx context.Context, archive jid.JID, stanzaID string) (cache.Message, error) {
	return c.message(ctx, seenKey{true, archive, stanzaID})
}

func (c *Cache) message(ctx context.Context, k seenKey) (out cache.Message, err error) {
	err = c.read(ctx, func(d *data) error {
		m := d.messages[d.seen[k].message]
		if m == nil {
			return fmt.Errorf("message %q: %w", k.id, cache.ErrNotFound)
		}
		out = copyMessage(m)
		return nil
	})
	return out, err
}

func copyMessage(m *cache.Message) cache.Message {
	out := *m
	out.Stanza = bytes.Clone(m.Stanza)
	return out
}

// DeleteMessages implements cache.History.
func (c *Cache) DeleteMessages(ctx context.Context, before time.Time, batch int) (removed int, err error) {
	before = cache.Stamp(before)
	err = c.read(ctx, func(d *data) error {
		var gone []*cache.Message
		take := func(list []*cache.Message) {
			for _, m := range list {
				if !m.Time.Before(before) || batch > 0 && len(gone) == batch {
					break
				}
				if m.Direction == cache.In || d.record(m.OriginID) == nil {
					gone = append(gone, m)
				}
			}
		}
		take(d.all)
		var hidden []*cache.Message
		for _, list := range d.changes {
			hidden = append(hidden, list...)
		}
		slices.SortFunc(hidden, func(a, b *cache.Message) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID)) })
		take(hidden)
		ids := make(map[int64]bool, len(gone))
		for _, m := range gone {
			ids[m.ID] = true
			d.remove(m)
		}
		d.leaveKeys(ids)
		removed = len(gone)
		return nil
	})
	return removed, err
}

// PruneSeen implements cache.History.
func (c *Cache) PruneSeen(ctx context.Context, before time.Time) (removed int, err error) {
	before = cache.Stamp(before)
	err = c.read(ctx, func(d *data) error {
		for k, s := range d.seen {
			if s.message == 0 && s.at.Before(before) {
				delete(d.seen, k)
				removed++
			}
		}
		return nil
	})
	return removed, err
}
