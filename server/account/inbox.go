package account

import (
	"context"
	"errors"
	"time"

	"godwit/bus"
	"godwit/stanza"
	"godwit/store"
	"godwit/stream"
	"godwit/xep/delay"
	"godwit/xmlstream"
)

// keep puts a message into the inbox unless it is there, and tells the sender if that cannot be done (XEP-0160). Who comes online while it is
// being stored gets it then.
func (a *Account) keep(e *bus.Envelope, at time.Time) {
	if e.Inbox != 0 || !Keepable(e.Stanza) || e.Archived && !e.Stanza.Has(nsClient, "body") {
		return
	}
	a.registry.Counters.Kept.Add(1)
	st, registry, archived := e.Stanza.WithTo(a.owner), a.registry, e.Archived
	add := registry.InboxAdd(st, at)
	err := registry.cfg.Commits.Commit(store.Batch{Inbox: []store.InboxAdd{add}}, func(r store.Result, err error) {
		registry.do(a.owner, false, func(a *Account) {
			if archived && errors.Is(err, store.ErrQuota) {
				return // the archive has it, so it is not lost
			}
			if err != nil {
				a.keepFailed(st, err)
				return
			}
			a.arrived(st, r.Inbox[0], at)
		})
	})
	if err != nil {
		a.keepFailed(st, err)
	}
}

// arrived hands a message that was put into the inbox to the sessions that have become reachable meanwhile.
func (a *Account) arrived(st *stanza.Stanza, id int64, at time.Time) {
	if id > a.inboxSent && a.reachable.Load() > 0 {
		a.toReachable(&bus.Envelope{Owner: a.owner, Stanza: a.stampDelay(st, at), Inbox: id})
	}
}

func (a *Account) keepFailed(st *stanza.Stanza, err error) {
	a.emit(st.ErrorReply(a.storeError("a message could not be kept", err)))
}

// InboxAdd is the record that keeps a message for its recipient; at is when it was taken.
func (r *Registry) InboxAdd(st *stanza.Stanza, at time.Time) store.InboxAdd {
	var expires time.Time
	if r.cfg.InboxKeep > 0 {
		expires = at.Add(r.cfg.InboxKeep)
	}
	return store.InboxAdd{
		Entry: store.InboxEntry{Owner: st.To.Bare(), Time: at, Expires: expires, Stanza: st.Append(nil, "")},
		Quota: store.InboxQuota{Entries: r.cfg.Limits.InboxEntries, Bytes: r.cfg.Limits.InboxBytes},
	}
}

// flushPage is how many messages are read from the inbox at once.
const flushPage = 50

// What a session that catches up may have outstanding, in bytes, before the rest has to wait: far below what would end its stream.
const flushWindow = 256 << 10

// flushPause is how long a catch-up waits for a client that does not take what it has been sent.
const flushPause = 50 * time.Millisecond

// catchUp begins to hand over what waited for the account, oldest first (XEP-0160 §3). Until it is done the session does not count as
// reachable, so that what arrives meanwhile waits its turn behind it. One session does this for the account.
func (a *Account) catchUp(s *Session) {
	for _, other := range a.sessions {
		if other.flushing {
			return
		}
	}
	s.flushing, s.flushed = true, a.inboxSent
	s.flushSince = time.Now()
}

// archiveLag is how long before a session became available a message may have been written and still not be in what its client read from the
// archive just before or after: the write takes a moment, and so does the question.
const archiveLag = 5 * time.Second

// flush goes on with a catch-up as far as the client takes it.
func (a *Account) flush(s *Session) {
	for s.flushing {
		switch {
		case s.ended || !s.eligible():
			a.flushed(s)
			return
		case s.out == nil: // goes on when it is resumed
			return
		case !s.room():
			a.flushLater(s)
			return
		}
		after := max(s.flushed, a.inboxSent)
		entries, more, err := a.registry.cfg.Inbox.Load(context.Background(), a.owner, after, flushPage, time.Now())
		if err != nil {
			a.log().Error("the inbox could not be read", "error", err)
			a.flushed(s)
			return
		}
		all, ok := a.flushEntries(s, entries)
		if all && !more || !ok {
			a.flushed(s)
		}
	}
}

// flushEntries hands one page to a session. all tells whether the session took all of it, ok is false when its stream takes nothing any more.
// A client that catches up from its archive gets only what it can not have found there: what the archive does not have, and what is so recent
// that the question may have come before it.
func (a *Account) flushEntries(s *Session, entries []store.InboxEntry) (all, ok bool) {
	var done []int64
	defer func() { a.forget(done) }()
	archive := !s.greeted && (s.bind2 || s.readArchive.Load())
	for i := range entries {
		entry := &entries[i]
		if _, leaving := a.leaving[entry.ID]; leaving {
			s.flushed = entry.ID
			continue
		}
		if entry.Archived != 0 && archive && entry.Time.Before(s.flushSince.Add(-archiveLag)) {
			s.flushed, done = entry.ID, append(done, entry.ID)
			continue
		}
		st, err := ParseStored(entry.Stanza)
		if err != nil {
			a.log().Error("a stored message is damaged", "id", entry.ID, "error", err)
			s.flushed, done = entry.ID, append(done, entry.ID)
			continue
		}
		if a.blocks(st.From) { // since it was written
			s.flushed, done = entry.ID, append(done, entry.ID)
			continue
		}
		if !s.room() {
			return false, true
		}
		if !s.send(a.stampLate(st, entry), entry.ID) {
			return false, false
		}
		s.flushed, a.inboxSent = entry.ID, entry.ID
	}
	return true, true
}

// flushed ends a catch-up. If there is more and the session is not the one to take it, another goes on.
func (a *Account) flushed(s *Session) {
	s.flushing = false
	a.updateReachable()
	if !s.ended && s.eligible() {
		s.greeted = true
		return
	}
	for _, other := range a.sessions {
		if other.isReachable() {
			a.catchUp(other)
			a.updateReachable()
			a.flush(other)
			return
		}
	}
}

func (a *Account) flushLater(s *Session) {
	if s.flushTimer != nil || !s.flushing {
		return
	}
	registry := a.registry
	s.flushTimer = time.AfterFunc(flushPause, func() {
		registry.do(a.owner, false, func(a *Account) {
			s.flushTimer = nil
			a.flush(s)
		})
	})
}

// stampLate marks a message that waited: its id in the archive, by which clients recognise it (XEP-0359 §3.2), and when it was sent.
func (a *Account) stampLate(st *stanza.Stanza, entry *store.InboxEntry) *stanza.Stanza {
	if entry.Archived != 0 {
		st = StampID(st, a.owner, entry.Archived)
	}
	return a.stampDelay(st, entry.Time)
}

// stampDelay says when a message was sent that comes late (XEP-0203).
func (a *Account) stampDelay(st *stanza.Stanza, at time.Time) *stanza.Stanza {
	return st.WithChildren(func(e *xmlstream.Encoder) {
		delay.Delay{From: a.registry.cfg.Domain, Stamp: at}.Encode(e)
	})
}

// Acked tells that a session's client took these stanzas: what the inbox held of them may go, and the rest of it may follow.
func (r *Registry) Acked(s *Session, acked []stream.Sent) {
	s.lastAck.Store(time.Now().UnixNano())
	var ids []int64
	for _, sent := range acked {
		if sent.Tag != 0 {
			ids = append(ids, int64(sent.Tag))
		}
	}
	if len(ids) > 0 {
		r.do(s.owner.owner, true, func(a *Account) {
			a.forget(ids)
			a.flush(s)
		})
	}
}

// forget removes messages from the inbox. If that fails they are delivered again at the next sign-in, where clients recognise them.
func (a *Account) forget(ids []int64) {
	if len(ids) == 0 {
		return
	}
	if a.leaving == nil {
		a.leaving = make(map[int64]struct{})
	}
	for _, id := range ids {
		a.leaving[id] = struct{}{}
	}
	registry := a.registry
	gone := func(err error) {
		if err != nil {
			a.log().Warn("delivered messages stay in the inbox", "error", err)
		}
		for _, id := range ids {
			delete(a.leaving, id)
		}
	}
	batch := store.Batch{Deletes: []store.InboxDelete{{Owner: a.owner, IDs: ids}}}
	err := registry.cfg.Commits.Commit(batch, func(_ store.Result, err error) {
		registry.do(a.owner, false, func(*Account) { gone(err) })
	})
	if err != nil {
		gone(err)
	}
}

// redeliver finds another way for one stanza that an ended session never acknowledged: a message goes to the remaining resources that have not
// had it or waits in the inbox, a request is answered, and everything else was about that session.
func (a *Account) redeliver(sent stream.Sent) {
	st := sent.Stanza
	switch st.Kind {
	case stanza.Message:
		// What the server made itself, such as carbons and archive results, is not worth keeping.
		if Keepable(st) && st.From.IsFull() {
			a.redeliverMessage(sent)
		}
	case stanza.IQ:
		if (st.Type == stanza.Get || st.Type == stanza.Set) && st.From.IsFull() {
			a.emit(st.ErrorReply(stanza.ErrServiceUnavailable()))
		}
	}
}

func (a *Account) redeliverMessage(sent stream.Sent) {
	st, inbox := sent.Stanza, int64(sent.Tag)
	if a.blocks(st.From) { // since it was sent
		if inbox != 0 {
			a.forget([]int64{inbox})
		}
		return
	}
	if a.reachable.Load() == 0 {
		if inbox != 0 {
			a.inboxSent = 0 // the next to sign in gets it again
			return
		}
		a.keep(&bus.Envelope{Owner: a.owner, Stanza: st}, sent.At)
		return
	}
	late := a.stampDelay(st, sent.At)
	for _, s := range a.sessions {
		if s.isReachable() && !s.had(st, sent.At) && s.send(late, inbox) {
			inbox = 0
		}
	}
	if inbox != 0 {
		a.forget([]int64{inbox})
	}
}

// had reports whether the session got its own copy, or a carbon, of a message that another of its account got then.
func (s *Session) had(st *stanza.Stanza, then time.Time) bool {
	if st.To.IsFull() {
		return s.carbons && Copyable(st) && s.Since.Before(then)
	}
	return !s.reachable.IsZero() && s.reachable.Before(then)
}
