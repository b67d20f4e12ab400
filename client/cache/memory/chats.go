package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"

	"godwit/client/cache"
	"godwit/jid"
)

// changeKey is what an author calls a message in a chat.
type changeKey struct {
	chat, sender jid.JID
	id           string
}

// line is what is known of a chat beside its messages. There is one for each chat that has some.
type line struct {
	unread     []*cache.Message // by place
	read, peer cache.Cursor
}

// addNew puts a message into the history that is not there, with its effect on others, theirs on it, and on its chat.
func (d *data) addNew(m *cache.Message, backfill bool) (changed *cache.Message) {
	if m.Kind != cache.KindText {
		changed = d.change(m, backfill)
	} else if d.changedBefore(m) {
		shown := *m
		changed = &shown
	}
	d.lastID++
	m.ID = d.lastID
	d.messages[m.ID] = m
	if m.Name != "" {
		k := changeKey{m.Chat, m.Sender, m.Name}
		d.named[k] = insert(d.named[k], m)
	}
	if m.Kind != cache.KindText {
		k := changeKey{m.Chat, m.Sender, m.Target}
		d.changes[k] = insert(d.changes[k], m)
		return changed
	}
	if changed != nil {
		changed.ID, changed.Stanza = m.ID, nil
	}
	d.chats[m.Chat], d.all = insert(d.chats[m.Chat], m), insert(d.all, m)
	d.searchable(m)
	l := d.lines[m.Chat]
	if l == nil {
		l = &line{}
		d.lines[m.Chat] = l
	}
	switch {
	case backfill || !m.Retracted.IsZero():
	case m.Direction == cache.In:
		l.unread = insert(l.unread, m)
	default:
		d.markRead(cache.Reading{Chat: m.Chat})
	}
	return changed
}

func (d *data) find(chat, sender jid.JID, id string) *cache.Message {
	if m := d.messages[d.seen[seenKey{false, sender, id}].message]; m != nil && m.Chat == chat {
		return m
	}
	if list := d.named[changeKey{chat, sender, id}]; len(list) > 0 {
		return list[len(list)-1]
	}
	return nil
}

// change gives the effect of a message that changes another to that one, if it is there.
func (d *data) change(c *cache.Message, backfill bool) *cache.Message {
	m := d.find(c.Chat, c.Sender, c.Target)
	if m != nil && m.Kind != cache.KindText { // it names an edit instead of what that edited
		c.Target = m.Target
		m = d.find(c.Chat, c.Sender, c.Target)
	}
	if m == nil {
		return nil
	}
	if !m.Change(c, backfill) {
		if !m.Retracted.IsZero() {
			c.Clear(m.Retracted)
		}
		return nil
	}
	if !m.Retracted.IsZero() {
		d.clearEdits(m)
		l := d.lines[m.Chat]
		l.unread = without(l.unread, m)
	}
	d.searchable(m)
	shown := *m
	shown.Stanza = nil
	return &shown
}

// changedBefore gives a message that is about to be added the effect of changes that came before it.
func (d *data) changedBefore(m *cache.Message) (changed bool) {
	for _, c := range d.changesOf(m) {
		c := *c
		changed = m.Change(&c, false) || changed
	}
	if !m.Retracted.IsZero() {
		d.clearEdits(m)
	}
	return changed
}

// changesOf lists what changes a message, the newest of them.
func (d *data) changesOf(m *cache.Message) (all []*cache.Message) {
	if m.OriginID != "" {
		all = append(all, d.changes[changeKey{m.Chat, m.Sender, m.OriginID}]...)
	}
	if m.Name != "" {
		all = append(all, d.changes[changeKey{m.Chat, m.Sender, m.Name}]...)
	}
	slices.SortFunc(all, func(a, b *cache.Message) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID)) })
	return all[max(0, len(all)-cache.MaxChanges):]
}

// clearEdits takes the text out of the edits of what was retracted.
func (d *data) clearEdits(m *cache.Message) {
	for _, id := range []string{m.OriginID, m.Name} {
		for _, c := range d.changes[changeKey{m.Chat, m.Sender, id}] {
			if c.Kind == cache.KindEdit {
				c.Clear(m.Retracted)
			}
		}
	}
}

// searchable keeps what is searched of a message up to date.
func (d *data) searchable(m *cache.Message) {
	if m.Body == "" || m.Kind != cache.KindText {
		delete(d.folded, m.ID)
		return
	}
	d.folded[m.ID] = cache.Fold(m.Body)
}

// markRead notes how far a chat has been read, and returns that place if it is news.
func (d *data) markRead(r cache.Reading) cache.Cursor {
	l, list := d.lines[r.Chat], d.chats[r.Chat]
	if l == nil {
		return cache.Cursor{}
	}
	last := list[len(list)-1].Place()
	upto := cache.Cursor{Time: cache.Stamp(r.Upto.Time), ID: r.Upto.ID}
	if r.Upto.IsZero() || last.Before(upto) {
		upto = last
	}
	behind := func(list []*cache.Message, c cache.Cursor) int {
		return sort.Search(len(list), func(i int) bool { return c.Before(list[i].Place()) })
	}
	if r.Peer {
		if !l.peer.Before(upto) {
			return cache.Cursor{}
		}
		for _, m := range list[behind(list, l.peer):behind(list, upto)] {
			if m.Direction == cache.Out && (m.State == cache.StateSent || m.State == cache.StateDelivered) {
				m.State = cache.StateRead
			}
		}
		l.peer = upto
		return upto
	}
	n := behind(l.unread, upto)
	if n == 0 && !l.read.Before(upto) {
		return cache.Cursor{}
	}
	l.unread = slices.Delete(l.unread, 0, n)
	if l.read.Before(upto) {
		l.read = upto
	}
	return upto
}

// Chats implements cache.Chats.
func (c *Cache) Chats(ctx context.Context, max int) (all []cache.Chat, err error) {
	if max <= 0 || max > cache.MaxChats {
		max = cache.MaxChats
	}
	err = c.read(ctx, func(d *data) error {
		for chat := range d.lines {
			all = append(all, d.chat(chat))
		}
		return nil
	})
	slices.SortFunc(all, func(a, b cache.Chat) int {
		return cmp.Or(b.Last.Time.Compare(a.Last.Time), cmp.Compare(b.Last.ID, a.Last.ID))
	})
	return all[:min(max, len(all))], err
}

// Chat implements cache.Chats.
func (c *Cache) Chat(ctx context.Context, chat jid.JID) (out cache.Chat, err error) {
	err = c.read(ctx, func(d *data) error {
		if d.lines[chat] == nil {
			return fmt.Errorf("chat %q: %w", chat, cache.ErrNotFound)
		}
		out = d.chat(chat)
		return nil
	})
	return out, err
}

func (d *data) chat(chat jid.JID) cache.Chat {
	l, list := d.lines[chat], d.chats[chat]
	out := cache.Chat{Chat: chat, Last: *list[len(list)-1], Unread: len(l.unread), Read: l.read, PeerRead: l.peer}
	out.Last.Stanza = nil
	if len(l.unread) > 0 {
		out.First = *l.unread[0]
		out.First.Stanza = nil
	}
	return out
}

// Find implements cache.History.
func (c *Cache) Find(ctx context.Context, chat, sender jid.JID, id string) (out cache.Message, err error) {
	err = c.read(ctx, func(d *data) error {
		m := d.find(chat, sender, id)
		if m == nil {
			return fmt.Errorf("message %q: %w", id, cache.ErrNotFound)
		}
		out = copyMessage(m)
		return nil
	})
	return out, err
}

// Changes implements cache.History.
func (c *Cache) Changes(ctx context.Context, chat, sender jid.JID, id string) (all []cache.Message, err error) {
	err = c.read(ctx, func(d *data) error {
		if m := d.find(chat, sender, id); m != nil {
			for _, c := range d.changesOf(m) {
				all = append(all, copyMessage(c))
			}
		}
		return nil
	})
	return all, err
}

// Search implements cache.History.
func (c *Cache) Search(ctx context.Context, q cache.SearchQuery) (page []cache.Message, more bool, err error) {
	q, words, err := q.Check()
	if err != nil {
		return nil, false, err
	}
	err = c.read(ctx, func(d *data) error {
		list := d.all
		if !q.Chat.IsZero() {
			list = d.chats[q.Chat]
		}
		if !q.Before.IsZero() {
			list = list[:sort.Search(len(list), func(i int) bool { return !list[i].Place().Before(q.Before) })]
		}
		for _, m := range slices.Backward(list) {
			if folded, ok := d.folded[m.ID]; !ok || !cache.Match(folded, words) {
				continue
			}
			if more = len(page) == q.Max; more {
				break
			}
			page = append(page, copyMessage(m))
		}
		return nil
	})
	return page, more, err
}
