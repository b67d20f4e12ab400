package account

import (
	"context"
	"time"

	"godwit/bus"
	"godwit/server/route"
	"godwit/stanza"
	"godwit/store"
	"godwit/stream"
	"godwit/xep/carbons"
	"godwit/xep/delay"
	"godwit/xep/forward"
	"godwit/xmlstream"
)

// target describes the account for the rules of RFC 6121 §8.5.
func (a *Account) target(st *stanza.Stanza) (route.Target, *Session) {
	t := route.Target{Exists: true, Full: st.To.IsFull(), Reachable: int(a.reachable.Load())}
	if !t.Full {
		return t, nil
	}
	match := a.session(st.To.Resource())
	t.Match = match != nil
	return t, match
}

// deliver hands one envelope to the sessions it is for.
func (a *Account) deliver(e *bus.Envelope) {
	st := e.Stanza
	t, match := a.target(st)
	switch st.Kind {
	case stanza.Message:
		a.message(e, t, match)
	case stanza.Presence:
		a.presenceIn(st, t, match)
	case stanza.IQ:
		if route.IQ(st.Type, t) == route.ToMatch && match.send(st, 0) {
			return
		}
		if st.Type == stanza.Get || st.Type == stanza.Set {
			a.emit(st.ErrorReply(stanza.ErrServiceUnavailable()))
		}
	}
}

func (a *Account) presenceIn(st *stanza.Stanza, t route.Target, match *Session) {
	switch route.Presence(st.Type, t) {
	case route.ToSubscription:
		a.subscriptionIn(st)
	case route.ToServer:
		a.answerProbe(st)
	case route.ToMatch:
		match.send(st, 0)
	case route.ToAvailable:
		for _, s := range a.sessions {
			if s.available {
				s.send(st, 0)
			}
		}
	}
}

func (a *Account) message(e *bus.Envelope, t route.Target, match *Session) {
	st := e.Stanza
	switch route.Message(st.Type, t) {
	case route.ToMatch:
		if match.send(st, e.Inbox) {
			a.carbonReceived(st, match)
			return
		}
		a.keep(e)
	case route.ToReachable:
		a.toReachable(e)
	case route.Keep:
		a.keep(e)
	case route.Refuse:
		a.emit(st.ErrorReply(stanza.ErrServiceUnavailable()))
	case route.Ignore:
		if e.Inbox != 0 {
			a.forget([]int64{e.Inbox})
		}
	}
}

// toReachable delivers to every available resource of non-negative priority (RFC 6121 §8.5.2.1.1). The inbox entry goes with the first that
// takes it. Resources that have carbons enabled but are not reachable in this sense get a carbon (XEP-0280 §6).
func (a *Account) toReachable(e *bus.Envelope) {
	st, inbox, taken := e.Stanza, e.Inbox, false
	for _, s := range a.sessions {
		if s.reachable() && s.send(st, inbox) {
			taken, inbox = true, 0
		}
	}
	if !taken {
		a.keep(e)
		return
	}
	if Copyable(st) {
		for _, s := range a.sessions {
			if s.carbons && !s.reachable() {
				a.sendCarbon(s, carbons.Received, st)
			}
		}
	}
}

// carbonReceived copies a message that went to one resource to the others that want to know (XEP-0280 §6).
func (a *Account) carbonReceived(st *stanza.Stanza, match *Session) {
	if !Copyable(st) {
		return
	}
	for _, s := range a.sessions {
		if s != match && s.carbons {
			a.sendCarbon(s, carbons.Received, st)
		}
	}
}

// CopySent gives the account's other sessions a copy of what one of them sent (XEP-0280 §7). inline as in [bus.Envelope].
func (r *Registry) CopySent(from *Session, st *stanza.Stanza, inline bool) {
	if !Copyable(st) {
		return
	}
	r.do(from.owner.owner, inline, func(a *Account) { a.copies(from, carbons.Sent, st) })
}

// CopyReceived gives the account's other sessions a copy of what one of them received by another way than this server.
func (r *Registry) CopyReceived(by *Session, st *stanza.Stanza, inline bool) {
	if !Copyable(st) {
		return
	}
	r.do(by.owner.owner, inline, func(a *Account) { a.copies(by, carbons.Received, st) })
}

func (a *Account) copies(except *Session, direction carbons.Direction, st *stanza.Stanza) {
	for _, s := range a.sessions {
		if s != except && s.carbons {
			a.sendCarbon(s, direction, st)
		}
	}
}

func (a *Account) sendCarbon(s *Session, direction carbons.Direction, st *stanza.Stanza) {
	s.send(stanza.Build(stanza.Message, st.Type, s.JID, a.owner, "", func(e *xmlstream.Encoder) {
		carbons.Copy{Direction: direction, Forwarded: forward.Forwarded{Stanza: st}}.Encode(e)
	}), 0)
}

// keep puts a message into the inbox unless it is there, and tells the sender if that cannot be done (XEP-0160).
func (a *Account) keep(e *bus.Envelope) {
	if e.Inbox != 0 {
		return
	}
	if !Keepable(e.Stanza) {
		return
	}
	a.registry.Counters.Kept.Add(1)
	st := e.Stanza
	add := a.registry.InboxAdd(st, time.Now())
	err := a.registry.cfg.Commits.Commit(store.Batch{Inbox: []store.InboxAdd{add}}, func(_ store.Result, err error) {
		if err != nil {
			a.keepFailed(st, err)
		}
	})
	if err != nil {
		a.keepFailed(st, err)
	}
}

func (a *Account) keepFailed(st *stanza.Stanza, err error) {
	a.emit(st.ErrorReply(a.storeError("a message could not be kept", err)))
}

// InboxAdd is the record that keeps a message for its recipient.
func (r *Registry) InboxAdd(st *stanza.Stanza, now time.Time) store.InboxAdd {
	var expires time.Time
	if r.cfg.InboxKeep > 0 {
		expires = now.Add(r.cfg.InboxKeep)
	}
	return store.InboxAdd{
		Entry: store.InboxEntry{Owner: st.To.Bare(), Time: now, Expires: expires, Stanza: st.Append(nil, "")},
		Quota: store.InboxQuota{Entries: r.cfg.Limits.InboxEntries, Bytes: r.cfg.Limits.InboxBytes},
	}
}

// inboxPage is how many messages are read from the inbox at once.
const inboxPage = 100

// flushInbox hands over what waited for the account, oldest first (XEP-0160 §3). A client that catches up from its archive gets only what
// the archive does not have.
func (a *Account) flushInbox(s *Session) {
	ctx, after := context.Background(), a.inboxSent
	for {
		entries, more, err := a.registry.cfg.Inbox.Load(ctx, a.owner, after, inboxPage, time.Now())
		if err != nil {
			a.log().Error("the inbox could not be read", "error", err)
			return
		}
		var archived []int64
		for _, entry := range entries {
			after = entry.ID
			if entry.Archived != 0 && (s.bind2 || s.readArchive.Load()) {
				archived = append(archived, entry.ID)
				continue
			}
			st, err := ParseStored(entry.Stanza)
			if err != nil {
				a.log().Error("a stored message is damaged", "id", entry.ID, "error", err)
				archived = append(archived, entry.ID)
				continue
			}
			if !s.send(a.stampLate(st, entry), entry.ID) {
				return
			}
			a.inboxSent = entry.ID
		}
		a.forget(archived)
		if !more {
			return
		}
	}
}

// stampLate marks a message that waited: when it was sent (XEP-0203) and its id in the archive (XEP-0359 §3.2), by which clients recognise it.
func (a *Account) stampLate(st *stanza.Stanza, entry store.InboxEntry) *stanza.Stanza {
	if entry.Archived != 0 {
		st = StampID(st, a.owner, entry.Archived)
	}
	return st.WithChildren(func(e *xmlstream.Encoder) {
		delay.Delay{From: a.registry.cfg.Domain, Stamp: entry.Time}.Encode(e)
	})
}

// Acked tells that a session's client took these stanzas: what the inbox held of them may go.
func (r *Registry) Acked(s *Session, acked []stream.Sent) {
	s.lastAck.Store(time.Now().UnixNano())
	var ids []int64
	for _, sent := range acked {
		if sent.Tag != 0 {
			ids = append(ids, int64(sent.Tag))
		}
	}
	if len(ids) > 0 {
		r.do(s.owner.owner, true, func(a *Account) { a.forget(ids) })
	}
}

// forget removes messages from the inbox. If that fails they are delivered again at the next sign-in, where clients recognise them.
func (a *Account) forget(ids []int64) {
	if len(ids) == 0 {
		return
	}
	batch := store.Batch{Deletes: []store.InboxDelete{{Owner: a.owner, IDs: ids}}}
	if err := a.registry.cfg.Commits.Commit(batch, func(store.Result, error) {}); err != nil {
		a.log().Warn("delivered messages stay in the inbox", "error", err)
	}
}

// redeliver finds another way for what an ended session never acknowledged: messages go to the remaining resources or wait in the inbox,
// requests are answered, and everything else was about that session.
func (a *Account) redeliver(unacked []stream.Sent) {
	for _, sent := range unacked {
		st := sent.Stanza
		switch st.Kind {
		case stanza.Message:
			if sent.Tag != 0 {
				a.inboxSent = 0 // the inbox has it: the next sign-in gets it again
				continue
			}
			if len(a.sessions) > 0 && a.reachable.Load() > 0 || !Keepable(st) || st.From == a.owner {
				continue // other resources had their own copy; carbons are about them
			}
			a.keep(&bus.Envelope{Owner: a.owner, Stanza: st.WithTo(a.owner)})
		case stanza.IQ:
			if (st.Type == stanza.Get || st.Type == stanza.Set) && st.From.Bare() != a.owner {
				a.emit(st.ErrorReply(stanza.ErrServiceUnavailable()))
			}
		}
	}
}
