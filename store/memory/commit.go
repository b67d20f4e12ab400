package memory

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"godwit/jid"
	"godwit/store"
)

type pending struct {
	batch store.Batch
	done  func(store.Result, error)
}

// Commit implements store.Committer.
func (s *Store) Commit(b store.Batch, done func(store.Result, error)) error {
	if err := b.Check(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return store.ErrClosed
	}
	s.queue = append(s.queue, pending{b, done})
	if !s.running {
		s.running = true
		go s.drain()
	}
	return nil
}

// drain works until the queue is empty.
func (s *Store) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.queue) > 0 {
		p := s.queue[0]
		s.queue = s.queue[1:]
		r, err := s.apply(&p.batch)
		s.mu.Unlock()
		p.done(r, err)
		s.mu.Lock()
	}
	s.queue, s.running = nil, false
	s.idle.Broadcast()
}

// apply makes a batch's changes, all or none: it looks for faults first.
func (s *Store) apply(b *store.Batch) (store.Result, error) {
	r := s.plan(b)
	for i, e := range b.Archive {
		if !r.Archive[i].Duplicate && e.ID > 0 && slices.ContainsFunc(s.archive, func(x store.ArchiveEntry) bool { return x.ID == e.ID }) {
			return store.Result{}, fmt.Errorf("archive entry %d: %w", i, store.ErrExists)
		}
	}
	if err := s.checkQuotas(b, r); err != nil {
		return store.Result{}, err
	}
	for i, e := range b.Archive {
		if r.Archive[i].Duplicate {
			continue
		}
		e.ID, e.Time, e.Stanza = r.Archive[i].ID, micros(e.Time), bytes.Clone(e.Stanza)
		at, _ := slices.BinarySearchFunc(s.archive, e.ID, func(x store.ArchiveEntry, id int64) int { return int(x.ID - id) })
		s.archive = slices.Insert(s.archive, at, e)
		if e.OriginID != "" {
			s.origins[originKey{e.Owner, e.Sender, e.OriginID}] = e.ID
		}
		s.last = max(s.last, e.ID)
	}
	for i, a := range b.Inbox {
		if r.Inbox[i] == 0 {
			continue
		}
		e := a.Entry
		s.last++
		e.ID, e.Archived = s.last, 0
		r.Inbox[i] = e.ID
		if a.IfNew > 0 {
			e.Archived = r.Archive[a.IfNew-1].ID
		}
		e.Time, e.Expires, e.Stanza = micros(e.Time), micros(e.Expires), bytes.Clone(e.Stanza)
		s.inbox = append(s.inbox, e)
	}
	for _, d := range b.Deletes {
		s.inbox = slices.DeleteFunc(s.inbox, func(e store.InboxEntry) bool {
			return e.Owner == d.Owner && (e.ID <= d.UpTo || slices.Contains(d.IDs, e.ID))
		})
	}
	for _, seen := range b.Seen {
		seen.Time = micros(seen.Time)
		s.seen[seen.Owner] = seen
	}
	return r, nil
}

// plan tells what would become of each entry; inbox ids are only 0 or not.
func (s *Store) plan(b *store.Batch) store.Result {
	r := store.Result{Archive: make([]store.Archived, len(b.Archive)), Inbox: make([]int64, len(b.Inbox))}
	last := s.last
	fresh := make(map[originKey]int64)
	for i, e := range b.Archive {
		key := originKey{e.Owner, e.Sender, e.OriginID}
		id, ok := s.origins[key]
		if !ok {
			id, ok = fresh[key]
		}
		if ok && e.OriginID != "" {
			r.Archive[i] = store.Archived{ID: id, Duplicate: true}
			continue
		}
		if id = e.ID; id == 0 {
			id = last + 1
		}
		last = max(last, id)
		fresh[key] = id
		r.Archive[i].ID = id
	}
	for i, a := range b.Inbox {
		if a.IfNew == 0 || !r.Archive[a.IfNew-1].Duplicate {
			r.Inbox[i] = 1
		}
	}
	return r
}

func (s *Store) checkQuotas(b *store.Batch, r store.Result) error {
	sizes := make(map[jid.JID]store.InboxSize)
	for i, a := range b.Inbox {
		if r.Inbox[i] == 0 {
			continue
		}
		n, ok := sizes[a.Entry.Owner]
		if !ok {
			n = s.inboxSize(a.Entry.Owner)
		}
		n.Entries++
		n.Bytes += int64(len(a.Entry.Stanza))
		if q := a.Quota; (q.Entries > 0 && n.Entries > q.Entries) || (q.Bytes > 0 && n.Bytes > q.Bytes) {
			if a.IfNew > 0 {
				r.Inbox[i] = 0 // the archive has it
				continue
			}
			return fmt.Errorf("inbox add %d: %w: %s", i, store.ErrQuota, a.Entry.Owner)
		}
		sizes[a.Entry.Owner] = n
	}
	return nil
}

func (s *Store) inboxSize(owner jid.JID) (n store.InboxSize) {
	for _, e := range s.inbox {
		if e.Owner == owner {
			n.Entries++
			n.Bytes += int64(len(e.Stanza))
		}
	}
	return n
}

type inboxes struct{ s *Store }

func expired(e *store.InboxEntry, now time.Time) bool {
	return !e.Expires.IsZero() && !e.Expires.After(now)
}

func (in inboxes) Load(ctx context.Context, owner jid.JID, after int64, max int, now time.Time) (entries []store.InboxEntry, more bool, err error) {
	if err := store.CheckOwner(owner); err != nil {
		return nil, false, err
	}
	if err := in.s.enter(ctx); err != nil {
		return nil, false, err
	}
	defer in.s.mu.Unlock()
	if max <= 0 || max > store.MaxInboxPage {
		max = store.MaxInboxPage
	}
	size := 0
	for i := range in.s.inbox {
		e := in.s.inbox[i]
		if e.Owner != owner || e.ID <= after || expired(&e, now) {
			continue
		}
		size += len(e.Stanza)
		if len(entries) == max || (len(entries) > 0 && size > store.MaxInboxPageBytes) {
			return entries, true, nil
		}
		e.Stanza = bytes.Clone(e.Stanza)
		entries = append(entries, e)
	}
	return entries, false, nil
}

func (in inboxes) Size(ctx context.Context, owner jid.JID) (store.InboxSize, error) {
	if err := in.s.enter(ctx); err != nil {
		return store.InboxSize{}, err
	}
	defer in.s.mu.Unlock()
	return in.s.inboxSize(owner), nil
}

func (in inboxes) Expire(ctx context.Context, now time.Time, batch int) (removed int, err error) {
	if err := in.s.enter(ctx); err != nil {
		return 0, err
	}
	defer in.s.mu.Unlock()
	in.s.inbox = slices.DeleteFunc(in.s.inbox, func(e store.InboxEntry) bool {
		if !expired(&e, now) || (batch > 0 && removed == batch) {
			return false
		}
		removed++
		return true
	})
	return removed, nil
}
