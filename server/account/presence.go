package account

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"godwit/jid"
	"godwit/stanza"
	"godwit/store"
)

// Broadcast applies a presence without an address that a session sent (RFC 6121 §4.2, §4.4, §4.5). st's from is the session's full JID.
// inline as in [bus.Envelope].
func (r *Registry) Broadcast(s *Session, st *stanza.Stanza, inline bool) *stanza.Error {
	switch st.Type {
	case stanza.Available:
		priority, ok := priorityOf(st)
		if !ok {
			return stanza.ErrBadRequest()
		}
		r.do(s.owner.owner, inline, func(a *Account) {
			if !s.ended {
				a.appear(s, st, priority)
			}
		})
	case stanza.Unavailable:
		r.do(s.owner.owner, inline, func(a *Account) {
			if !s.ended {
				a.leave(s, st)
				a.updateReachable()
				a.flush(s)
			}
		})
	default:
		return stanza.ErrBadRequest() // every other type needs an address
	}
	return nil
}

// priorityOf reads the priority (RFC 6121 §4.7.2.3): -128 to 127, 0 when absent.
func priorityOf(st *stanza.Stanza) (int8, bool) {
	n, ok := st.Child(nsClient, "priority")
	if !ok {
		return 0, true
	}
	v, err := strconv.ParseInt(strings.TrimSpace(n.InnerText()), 10, 8)
	return int8(v), err == nil
}

// appear makes a session available or updates what it broadcasts.
func (a *Account) appear(s *Session, st *stanza.Stanza, priority int8) {
	if !a.loadRoster() {
		if s.out != nil {
			_ = s.send(st.WithTo(s.JID).ErrorReply(stanza.ErrInternalServerError()), 0)
		}
		return
	}
	initial, was := !s.available, s.eligible()
	s.available, s.priority, s.presence = true, priority, st
	if !was && s.eligible() {
		a.catchUp(s)
	}
	a.updateReachable()
	for contact := range a.roster.subscribers() {
		a.emit(st.WithTo(contact))
	}
	for _, other := range a.sessions {
		if other.available {
			other.send(st.WithTo(a.owner), 0) // its own too: RFC 6121 §4.2.2
		}
	}
	if initial {
		for _, other := range a.sessions {
			if other != s && other.available {
				s.send(other.presence.WithTo(s.JID), 0)
			}
		}
		for contact := range a.roster.subscriptions() { // RFC 6121 §4.2.2, §4.3.1: probe on the client's behalf
			a.emit(stanza.Build(stanza.Presence, stanza.Probe, contact, s.JID, "", nil))
		}
	}
	if initial {
		a.redeliverRequests(s)
	}
	a.announced(s, st, initial)
	a.flush(s)
}

// leave makes a session unavailable and tells everyone who knew of it (RFC 6121 §4.5, §4.6.3). st is what the client said, or nil when it
// left without a word.
func (a *Account) leave(s *Session, st *stanza.Stanza) {
	if st == nil {
		st = stanza.Build(stanza.Presence, stanza.Unavailable, jid.JID{}, s.JID, "", nil)
	}
	directed := s.directed
	s.directed = nil
	if s.available {
		s.available, s.presence, s.priority = false, nil, 0
		if a.loadRoster() {
			for contact := range a.roster.subscribers() {
				a.emit(st.WithTo(contact))
				delete(directed, contact)
			}
		}
		for _, other := range a.sessions {
			if other.available || other == s {
				other.send(st.WithTo(a.owner), 0)
			}
		}
		a.noteLeft(st)
	}
	for to := range directed {
		a.emit(st.WithTo(to))
	}
}

// Direct sends presence to one address (RFC 6121 §4.6). st carries both addresses.
func (r *Registry) Direct(s *Session, st *stanza.Stanza, inline bool) {
	r.do(s.owner.owner, inline, func(a *Account) {
		if s.ended {
			return
		}
		switch st.Type {
		case stanza.Available:
			if _, known := s.directed[st.To]; !known && len(s.directed) >= r.cfg.Limits.Directed {
				s.send(st.ErrorReply(stanza.ErrPolicyViolation()), 0)
				return
			}
			if s.directed == nil {
				s.directed = make(map[jid.JID]struct{})
			}
			s.directed[st.To] = struct{}{}
		case stanza.Unavailable:
			delete(s.directed, st.To)
		}
		a.emit(st)
	})
}

// Give hands a stanza of the server to one session.
func (r *Registry) Give(s *Session, st *stanza.Stanza, inline bool) {
	r.do(s.owner.owner, inline, func(*Account) { s.send(st, 0) })
}

// GiveAll hands several, in order.
func (r *Registry) GiveAll(s *Session, all []*stanza.Stanza) {
	r.do(s.owner.owner, true, func(*Account) {
		for _, st := range all {
			s.send(st, 0)
		}
	})
}

// emit sends a stanza of this account on its way, unless it is for an address the account has blocked (XEP-0191 §3.3). Accounts never wait for
// each other: the route ends in another mailbox.
func (a *Account) emit(st *stanza.Stanza) {
	if !a.blocks(st.To) {
		a.registry.cfg.Route(st)
	}
}

// Probe answers a presence probe, or does nothing when the prober may not know (RFC 6121 §4.3.2).
func (a *Account) answerProbe(st *stanza.Stanza) {
	if len(a.sessions) == 0 {
		return
	}
	from := st.From
	if from.Bare() != a.owner && (!a.loadRoster() || !a.roster.sees(from.Bare())) {
		return
	}
	for _, s := range a.sessions {
		if s.available && (!st.To.IsFull() || st.To == s.JID) {
			a.emit(s.presence.WithTo(from))
		}
	}
}

// SetInterested marks a session as one that wants roster pushes (RFC 6121 §2.1.6, §2.2).
func (a *Account) setInterested(s *Session) { s.interested = true }

// SetCarbons switches carbons for a session (XEP-0280 §4, §5).
func (r *Registry) SetCarbons(s *Session, on bool) {
	r.call(s.owner.owner, func(*Account) { s.carbons = on })
}

// LastSeen tells when an account was last online and what it said then; now and nothing while it is. ok is false when it never was.
func (r *Registry) LastSeen(ctx context.Context, owner jid.JID) (t time.Time, status string, ok bool, err error) {
	if r.Reachable(owner) > 0 {
		return time.Now(), "", true, nil
	}
	var pending *store.Seen
	r.call(owner, func(a *Account) { pending = a.left })
	if pending != nil {
		return pending.Time, pending.Status, true, nil
	}
	seen, err := r.cfg.LastSeen.LastSeen(ctx, owner)
	if errors.Is(err, store.ErrNotFound) {
		return time.Time{}, "", false, nil
	}
	return seen.Time, seen.Status, err == nil, err
}

// noteLeft remembers when the account's last available resource left, and its last words (XEP-0012 §4).
func (a *Account) noteLeft(st *stanza.Stanza) {
	for _, s := range a.sessions {
		if s.available {
			return
		}
	}
	var status string
	if n, ok := st.Child(nsClient, "status"); ok {
		status = n.InnerText()
		if len(status) > maxStatus {
			status = ""
		}
	}
	seen, registry := &store.Seen{Owner: a.owner, Time: time.Now(), Status: status}, a.registry
	stored := func(err error) {
		if err != nil {
			a.log().Warn("when the account left was not stored", "error", err)
		}
		if a.left == seen {
			a.left = nil
		}
	}
	a.left = seen
	err := registry.cfg.Commits.Commit(store.Batch{Seen: []store.Seen{*seen}}, func(_ store.Result, err error) {
		registry.do(a.owner, false, func(*Account) { stored(err) })
	})
	if err != nil {
		stored(err)
	}
}

// maxStatus bounds the last words that are kept, in bytes.
const maxStatus = 1024
