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
	r := cache.Result{Added: make([]cache.Added, len(b.Add)), Enqueued: make([]int64, len(b.Enqueue))}
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
		r.Added[i] = d.add(b.Add[i])
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
	return r, nil
}

// add puts a message into the history, or merges it with what is there.
func (d *data) add(m cache.Message) cache.Added {
	m.Time, m.Stanza = cache.Stamp(m.Time), bytes.Clone(m.Stanza)
	known, found := int64(0), false
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
		d.lastID++
		m.ID = d.lastID
		d.messages[m.ID] = &m
		d.chats[m.Chat] = insert(d.chats[m.Chat], &m)
		d.all = insert(d.all, &m)
		known = m.ID
	} else if old := d.messages[known]; old != nil {
		old.Merge(&m)
	}
	for _, k := range keys(&m) {
		s := d.seen[k]
		d.seen[k] = seen{known, later(s.at, m.Time)}
	}
	return cache.Added{ID: known, New: !found}
}

// unite makes one record of two and returns the id of the one that stays, the older.
func (d *data) unite(a, b int64) int64 {
	keep, drop := min(a, b), max(a, b)
	old := d.messages[drop]
	d.messages[keep].Merge(old)
	d.remove(old)
	for k, s := range d.seen {
		if s.message == drop {
			d.seen[k] = seen{keep, s.at}
		}
	}
	return keep
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// less orders messages by place.
func less(a, b cache.Cursor) bool {
	if !a.Time.Equal(b.Time) {
		return a.Time.Before(b.Time)
	}
	return a.ID < b.ID
}

func insert(list []*cache.Message, m *cache.Message) []*cache.Message {
	i := sort.Search(len(list), func(i int) bool { return less(m.Place(), list[i].Place()) })
	return slices.Insert(list, i, m)
}

// remove takes a message out of the history and leaves its keys.
func (d *data) remove(m *cache.Message) {
	same := func(o *cache.Message) bool { return o == m }
	delete(d.messages, m.ID)
	d.all = slices.DeleteFunc(d.all, same)
	if d.chats[m.Chat] = slices.DeleteFunc(d.chats[m.Chat], same); len(d.chats[m.Chat]) == 0 {
		delete(d.chats, m.Chat)
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
				d.add(cache.Message{Chat: m.Chat, Sender: m.Sender, OriginID: m.OriginID, Archive: p.Archive, StanzaID: p.StanzaID, Direction: cache.Out, State: m.State, Time: m.Time})
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
