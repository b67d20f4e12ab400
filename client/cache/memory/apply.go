package memory

import (
	"bytes"
	"fmt"
	"slices"
	"sort"
	"time"

	"godwit/client/cache"
	"godwit/jid"
)

// seenKey is one of the two keys of a message: by its author, or by an archive.
type seenKey struct {
	stanzaID bool
	scope    jid.JID
	id       string
}

type seen struct {
	message int64 // 0: no longer in the history
	at      time.Time
}

func keys(m *cache.Message) (out []seenKey) {
	if m.OriginID != "" {
		out = append(out, seenKey{false, m.Sender, m.OriginID})
	}
	if m.StanzaID != "" {
		out = append(out, seenKey{true, m.Archive, m.StanzaID})
	}
	return out
}

// apply makes the changes of a checked batch, or none.
func (d *data) apply(b *cache.Batch) (cache.Result, error) {
	r := cache.Result{Added: make([]cache.Added, len(b.Add)), Enqueued: make([]int64, len(b.Enqueue)), Read: make([]cache.Cursor, len(b.Read))}
	for i := range b.Enqueue {
		id := b.Enqueue[i].OriginID
		for j := range b.Add {
			if m := &b.Add[j]; m.Direction == cache.Out && m.OriginID == id {
				if _, used := d.seen[seenKey{false, m.Sender, id}]; used {
					return cache.Result{}, fmt.Errorf("message %q: %w", id, cache.ErrExists)
				}
			}
		}
		if d.record(id) != nil {
			return cache.Result{}, fmt.Errorf("message %q: %w", id, cache.ErrExists)
		}
	}
	for i := range b.Add {
		r.Added[i] = d.add(b.Add[i], b.Backfill)
	}
	for i := range b.Enqueue {
		rec := b.Enqueue[i]
		d.lastSeq++
		rec.Seq, rec.Created, rec.Stanza = d.lastSeq, cache.Stamp(rec.Created), bytes.Clone(rec.Stanza)
		d.outbox = append(d.outbox, &rec)
		r.Enqueued[i] = rec.Seq
	}
	for i := range b.Progress {
		d.progress(&b.Progress[i])
	}
	for i := range b.Deposit {
		d.deposit(b.Deposit[i])
	}
	for _, k := range b.Deposited {
		d.deposits = slices.DeleteFunc(d.deposits, func(p *cache.Deposit) bool { return p.Sender == k.Sender && p.OriginID == k.OriginID })
	}
	for _, p := range b.Positions {
		d.positions[p.Archive] = p.Last
	}
	for _, rec := range b.Records {
		if rec.Value == nil {
			delete(d.records, rec.Name)
		} else {
			d.records[rec.Name] = bytes.Clone(rec.Value)
		}
	}
	for i := range b.Read {
		r.Read[i] = d.markRead(b.Read[i])
	}
	for _, k := range b.Forget {
		m := d.messages[d.seen[seenKey{false, k.Sender, k.OriginID}].message]
		if m != nil && (m.Direction == cache.In || d.record(m.OriginID) == nil) {
			d.remove(m)
			d.leaveKeys(map[int64]bool{m.ID: true})
		}
	}
	return r, nil
}

// add puts a message into the history, or merges it with what is there.
func (d *data) add(m cache.Message, backfill bool) cache.Added {
	m.Time, m.Stanza = cache.Stamp(m.Time), bytes.Clone(m.Stanza)
	known, found := int64(0), false
	var changed *cache.Message
	for _, k := range keys(&m) {
		s, ok := d.seen[k]
		if !ok {
			continue
		}
		found = true
		switch {
		case known == 0:
			known = s.message
		case s.message != 0 && s.message != known: // two records turn out to be the same message
			known = d.unite(known, s.message)
		}
	}
	if !found {
		changed = d.addNew(&m, backfill)
		known = m.ID
	} else if old := d.messages[known]; old != nil {
		d.merge(old, &m)
	}
	for _, k := range keys(&m) {
		s := d.seen[k]
		d.seen[k] = seen{known, later(s.at, m.Time)}
	}
	return cache.Added{ID: known, New: !found, Changed: changed}
}

// merge adds what a copy knows to the record that stands.
func (d *data) merge(m, copy *cache.Message) {
	named := m.Name
	m.Merge(copy)
	if m.Name != named {
		k := changeKey{m.Chat, m.Sender, m.Name}
		d.named[k] = insert(d.named[k], m)
	}
	d.searchable(m)
}

// unite makes one record of two and returns the id of the one that stays, the older.
func (d *data) unite(a, b int64) int64 {
	keep, drop := min(a, b), max(a, b)
	old := d.messages[drop]
	d.merge(d.messages[keep], old)
	for k, s := range d.seen {
		if s.message == drop {
			d.seen[k] = seen{keep, s.at}
		}
	}
	d.remove(old)
	return keep
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func insert(list []*cache.Message, m *cache.Message) []*cache.Message {
	i := sort.Search(len(list), func(i int) bool { return m.Place().Before(list[i].Place()) })
	return slices.Insert(list, i, m)
}

// without takes a message out of a list by place.
func without(list []*cache.Message, m *cache.Message) []*cache.Message {
	i := sort.Search(len(list), func(i int) bool { return !list[i].Place().Before(m.Place()) })
	if i < len(list) && list[i] == m {
		return slices.Delete(list, i, i+1)
	}
	return list
}

// drop takes a message out of one list of several.
func drop[K comparable](lists map[K][]*cache.Message, k K, m *cache.Message) {
	if lists[k] = without(lists[k], m); len(lists[k]) == 0 {
		delete(lists, k)
	}
}

// remove takes a message out of the history and leaves its keys.
func (d *data) remove(m *cache.Message) {
	delete(d.messages, m.ID)
	delete(d.folded, m.ID)
	if m.Name != "" {
		drop(d.named, changeKey{m.Chat, m.Sender, m.Name}, m)
	}
	if m.Kind != cache.KindText {
		drop(d.changes, changeKey{m.Chat, m.Sender, m.Target}, m)
		return
	}
	d.all = without(d.all, m)
	drop(d.chats, m.Chat, m)
	l := d.lines[m.Chat]
	l.unread = without(l.unread, m)
	if len(d.chats[m.Chat]) == 0 {
		delete(d.lines, m.Chat)
	}
}

// leaveKeys lets the keys of messages that are gone stay.
func (d *data) leaveKeys(gone map[int64]bool) {
	for k, s := range d.seen {
		if gone[s.message] {
			d.seen[k] = seen{0, s.at}
		}
	}
}

func (d *data) record(originID string) *cache.OutboxRecord {
	for _, r := range d.outbox {
		if r.OriginID == originID {
			return r
		}
	}
	return nil
}

func (d *data) progress(p *cache.Progress) {
	if s, ok := d.seen[seenKey{false, p.Sender, p.OriginID}]; ok {
		if m := d.messages[s.message]; m != nil && m.Direction == cache.Out {
			m.Raise(p.State, p.Error)
			if p.Route != "" {
				m.Route = p.Route
			}
			if p.StanzaID != "" {
				d.add(cache.Message{Chat: m.Chat, Sender: m.Sender, OriginID: m.OriginID, Archive: p.Archive, StanzaID: p.StanzaID, Direction: cache.Out, State: m.State, Time: m.Time, Kind: m.Kind, Target: m.Target}, true)
			}
		}
	}
	if p.Remove {
		d.outbox = slices.DeleteFunc(d.outbox, func(r *cache.OutboxRecord) bool { return r.OriginID == p.OriginID })
	} else if r := d.record(p.OriginID); r != nil && p.State == cache.StateSent {
		r.Sent = true
	}
}

func (d *data) deposit(p cache.Deposit) {
	for _, q := range d.deposits {
		if q.Sender == p.Sender && q.OriginID == p.OriginID {
			return
		}
	}
	d.lastDep++
	p.Seq, p.Time, p.Stanza = d.lastDep, cache.Stamp(p.Time), bytes.Clone(p.Stanza)
	d.deposits = append(d.deposits, &p)
}
