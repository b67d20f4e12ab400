package account

import (
	"time"

	"godwit/bus"
	"godwit/server/route"
	"godwit/stanza"
	"godwit/xep/carbons"
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
	if e.Node != "" {
		a.notice(e)
		return
	}
	st := e.Stanza
	t, match := a.target(st)
	switch st.Kind {
	case stanza.Message:
		if !a.stopped(st, e.Inbox) {
			a.message(e, t, match)
		}
	case stanza.Presence:
		if !a.stopped(st, 0) {
			a.presenceIn(st, t, match)
		}
	case stanza.IQ:
		if route.IQ(st.Type, t) == route.ToMatch && (a.stopped(st, 0) || match.send(st, 0)) {
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
			if s.available && !a.hidden(st, s) {
				s.send(st, 0)
			}
		}
	}
}

func (a *Account) message(e *bus.Envelope, t route.Target, match *Session) {
	st := e.Stanza
	if e.Inbox != 0 && e.Inbox <= a.inboxSent {
		return // a session that came online meanwhile got it from the inbox
	}
	switch route.Message(st.Type, t) {
	case route.ToMatch:
		if match.send(st, e.Inbox) {
			a.carbonReceived(st, match)
			return
		}
		a.keep(e, time.Now())
	case route.ToReachable:
		a.toReachable(e)
	case route.Keep:
		a.keep(e, time.Now())
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
		switch {
		case s.isReachable():
			if s.send(st, inbox) {
				taken, inbox = true, 0
			}
		case s.flushing && e.Inbox == 0 && a.reachable.Load() > 0: // what the inbox does not have it would never see
			s.send(st, 0)
		}
	}
	if !taken {
		a.keep(e, time.Now())
		return
	}
	if Copyable(st) {
		for _, s := range a.sessions {
			if s.carbons && !s.eligible() && s.JID != st.From {
				a.sendCarbon(s, carbons.Received, st)
			}
		}
	}
}

// carbonReceived copies a message that went to one resource to the others that want to know (XEP-0280 §6), except to the one that sent it.
func (a *Account) carbonReceived(st *stanza.Stanza, match *Session) {
	if !Copyable(st) {
		return
	}
	for _, s := range a.sessions {
		if s != match && s.carbons && s.JID != st.From {
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
