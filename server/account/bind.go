package account

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"time"

	"godwit/jid"
	"godwit/stanza"
	"godwit/store"
	"godwit/stream"
)

func randomID(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

var _ stream.Binder = (*Registry)(nil)

// Bind implements [stream.Binder]. A resource that is taken goes to the newcomer, and the session that had it is ended with conflict (RFC
// 6120 §7.7.2.2, third choice): what connects last is where the person is. Without a wish the server makes one up, after the tag of Bind 2 if
// there is one (XEP-0386).
func (r *Registry) Bind(ctx context.Context, q stream.BindRequest) (stream.Bound, error) {
	resource := q.Resource
	if resource == "" {
		resource = randomID(8)
		if q.Tag != "" {
			if len(q.Tag) > 64 {
				return stream.Bound{}, stanza.ErrBadRequest()
			}
			resource = q.Tag + "." + resource
		}
	}
	full, err := q.Stream.Peer().Account.WithResource(resource)
	if err != nil {
		return stream.Bound{}, stanza.ErrBadRequest()
	}
	r.call(full.Bare(), func(a *Account) { err = a.bind(ctx, full, q) })
	return stream.Bound{JID: full}, err
}

func (a *Account) bind(ctx context.Context, full jid.JID, q stream.BindRequest) error {
	// It may have been removed since its password was checked. Looked up here, because its removal ends the sessions there are by an event
	// that comes after this one.
	if _, err := a.registry.cfg.Accounts.Get(ctx, a.owner); errors.Is(err, store.ErrNotFound) {
		return stanza.ErrNotAllowed()
	} else if err != nil {
		a.log().Error("the account could not be looked up", "error", err)
		return stanza.ErrInternalServerError()
	}
	if old := a.session(full.Resource()); old != nil {
		if old.out != nil {
			old.out.Close(&stream.Error{Condition: stream.Conflict, Text: "this resource was bound by another connection"})
		}
		a.end(old, "its resource was bound again")
	}
	if len(a.sessions) >= a.registry.cfg.Limits.Resources && !a.evict() {
		return stanza.ErrResourceConstraint()
	}
	s := &Session{
		JID: full, Log: randomID(6), Since: time.Now(), owner: a,
		peer: *q.Stream.Peer(), out: q.Stream, carbons: q.Carbons, bind2: q.Bind2,
	}
	a.exists.Store(true)
	a.sessions = append(a.sessions, s)
	a.registry.Counters.Sessions.Add(1)
	a.registry.Counters.Bound.Add(1)
	a.log().Info("session bound", "session", s.Log, "resource", full.Resource(), "address", q.Stream.Peer().Remote.String(),
		"transport", string(q.Stream.Peer().Kind), "tls", q.Stream.Peer().TLS.Version, "mechanism", string(q.Stream.Peer().Mechanism), "client", q.Stream.Peer().UserAgent.Software)
	return nil
}

// evict ends the session that has hibernated longest, to make room.
func (a *Account) evict() bool {
	for _, s := range a.sessions {
		if s.out == nil {
			a.end(s, "room was needed for a new session")
			return true
		}
	}
	return false
}

// EnableSM implements [stream.Binder]: it grants resumption for as long as the client likes, up to the limit (XEP-0198 §3).
func (r *Registry) EnableSM(_ context.Context, out *stream.Stream, q stream.SMRequest) (stream.SMGrant, error) {
	if !q.Resume {
		return stream.SMGrant{}, nil
	}
	keep := r.cfg.Limits.ResumeTimeout
	if q.Max > 0 && q.Max < keep {
		keep = q.Max
	}
	grant := stream.SMGrant{ID: stream.NewResumeID(), Max: keep}
	full := out.Peer().JID
	err := error(stanza.ErrUnexpectedRequest())
	r.call(full.Bare(), func(a *Account) {
		if s := a.session(full.Resource()); s != nil && s.out == Outlet(out) {
			s.resumeID, s.resumeFor, err = grant.ID, keep, nil
		}
	})
	if err != nil {
		return stream.SMGrant{}, err
	}
	return grant, nil
}

// Resume implements [stream.Binder]: the session moves to the new stream (XEP-0198 §5). Only sessions of the account that has just
// authenticated are looked at, so an id is worth nothing to anybody else.
func (r *Registry) Resume(_ context.Context, out *stream.Stream, previd string) (stream.Resumed, error) {
	p := out.Peer()
	var got stream.Resumed
	err := error(stanza.ErrItemNotFound())
	r.call(p.Account, func(a *Account) {
		for _, s := range a.sessions {
			if s.resumeID == "" || s.resumeID != previd {
				continue
			}
			got, err = a.resume(s, out, p)
			return
		}
	})
	return got, err
}

func (a *Account) resume(s *Session, out *stream.Stream, p *stream.Peer) (stream.Resumed, error) {
	state := s.hibernating
	if old := s.out; old != nil { // the client noticed the loss before we did
		state = old.Detach()
		old.Close(&stream.Error{Condition: stream.Conflict, Text: "this session goes on over another connection"})
	} else {
		s.expiry.Stop()
		a.registry.Counters.Hibernating.Add(-1)
	}
	if state == nil {
		a.end(s, "its acknowledgement state is gone")
		return stream.Resumed{}, stanza.ErrItemNotFound()
	}
	s.stopAckTimer()
	agent := s.peer.UserAgent
	s.out, s.hibernating, s.expiry, s.peer = out, nil, nil, *p
	if s.peer.UserAgent == (stream.UserAgent{}) {
		s.peer.UserAgent = agent
	}
	a.flushLater(s)
	a.registry.Counters.Resumed.Add(1)
	a.log().Info("session resumed", "session", s.Log, "resource", s.JID.Resource(), "address", p.Remote.String(), "unacked", state.Len())
	return stream.Resumed{JID: s.JID, Management: state}, nil
}

// SessionOf returns the session that a stream carries, or nil if it has been ended meanwhile.
func (r *Registry) SessionOf(out *stream.Stream) *Session {
	full := out.Peer().JID
	var found *Session
	r.call(full.Bare(), func(a *Account) {
		if s := a.session(full.Resource()); s != nil && s.out == Outlet(out) {
			found = s
		}
	})
	return found
}

// Lost tells that reading from a session's stream has ended. A session that can be resumed hibernates unless the client closed it in order;
// any other ends. Nothing happens if the session has moved on to another stream.
func (r *Registry) Lost(s *Session, out Outlet, cause error) {
	r.call(s.owner.owner, func(a *Account) {
		if s.ended || s.out != out {
			return
		}
		if s.resumeID == "" || errors.Is(cause, io.EOF) {
			a.end(s, endReason(cause))
			return
		}
		a.hibernate(s, out, cause)
	})
}

func endReason(cause error) string {
	if errors.Is(cause, io.EOF) {
		return "closed by the client"
	}
	return cause.Error()
}

func (a *Account) hibernate(s *Session, out Outlet, cause error) {
	state := out.Detach()
	if state == nil {
		a.end(s, endReason(cause))
		return
	}
	s.stopAckTimer()
	s.out, s.hibernating = nil, state
	a.registry.Counters.Hibernating.Add(1)
	registry, owner := a.registry, a.owner
	s.expiry = time.AfterFunc(s.resumeFor, func() {
		registry.do(owner, false, func(a *Account) {
			if s.out == nil && !s.ended {
				a.end(s, "not resumed in time")
			}
		})
	})
	a.log().Info("session waits to be resumed", "session", s.Log, "resource", s.JID.Resource(), "cause", cause.Error(),
		"for", s.resumeFor.String(), "unacked", state.Len())
}

// end takes a session away: its contacts learn that it left, and what it never acknowledged finds another way.
func (a *Account) end(s *Session, reason string) {
	if s.ended {
		return
	}
	s.ended = true
	s.stopAckTimer()
	var unacked []stream.Sent
	if s.out == nil {
		s.expiry.Stop()
		a.registry.Counters.Hibernating.Add(-1)
		unacked = s.hibernating.Unacked(nil)
	} else if state := s.out.Detach(); state != nil {
		unacked = state.Unacked(nil)
	}
	a.sessions = without(a.sessions, s)
	a.registry.Counters.Sessions.Add(-1)
	a.leave(s, nil)
	a.updateReachable()
	a.log().Info("session ended", "session", s.Log, "resource", s.JID.Resource(), "reason", reason, "unacked", len(unacked),
		"after", time.Since(s.Since).Round(time.Millisecond).String())
	for _, sent := range unacked {
		a.redeliver(sent)
	}
	if s.flushTimer != nil {
		s.flushTimer.Stop()
	}
	a.flush(s) // another goes on
}

// without returns a list without one session. It is a new one: a session may have to be ended while its account walks the old.
func without(list []*Session, s *Session) []*Session {
	rest := make([]*Session, 0, max(len(list)-1, 0))
	for _, other := range list {
		if other != s {
			rest = append(rest, other)
		}
	}
	return rest
}

// End closes the session on behalf of the server, with a stream error that the client may read.
func (r *Registry) End(s *Session, why *stream.Error) {
	r.call(s.owner.owner, func(a *Account) {
		if out := s.out; out != nil && !s.ended {
			out.Close(why)
			a.end(s, why.Error())
		}
	})
}

// EndAll closes all sessions of one account that is no more.
func (r *Registry) EndAll(owner jid.JID, why *stream.Error) {
	r.call(owner, func(a *Account) {
		a.endOthers(nil, why)
		a.roster = nil
		a.exists.Store(false)
		r.blocks.forget(owner)
	})
}

// EndSessions closes all sessions of one account, which stays.
func (r *Registry) EndSessions(owner jid.JID, why *stream.Error) {
	r.call(owner, func(a *Account) { a.endOthers(nil, why) })
}

// EndOthers closes all other sessions of a session's account.
func (r *Registry) EndOthers(stays *Session, why *stream.Error) {
	r.call(stays.owner.owner, func(a *Account) { a.endOthers(stays, why) })
}

// endOthers ends every session but one, which may be nil.
func (a *Account) endOthers(stays *Session, why *stream.Error) {
	for _, s := range a.sessions { // ending one makes a new list
		if s == stays || s.ended {
			continue
		}
		out := s.out
		a.end(s, why.Error())
		if out != nil {
			out.Close(why)
		}
	}
}

// Quiesce waits until every account has dealt with what was in its mailbox.
func (r *Registry) Quiesce() { r.each(func(*Account) {}) }

// Shutdown closes every stream with system-shutdown. Sessions that hibernate are ended; what they were owed goes to the inbox.
func (r *Registry) Shutdown() {
	why := &stream.Error{Condition: stream.SystemShutdown, Text: "the server is being stopped"}
	r.each(func(a *Account) {
		for len(a.sessions) > 0 {
			s := a.sessions[0]
			if s.out != nil {
				s.out.Close(why)
			}
			a.end(s, "server shutdown")
		}
	})
}
