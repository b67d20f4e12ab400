package peer

import (
	"errors"
	"slices"
	"time"

	"godwit/stanza"
	"godwit/xep/jingle"
	"godwit/xep/xmlstreamapp"
	"godwit/xmlstream"
)

// HandleRequest takes an IQ of type set with a <jingle/> payload. Every one of
// them is answered (RFC 6120 §8.2.3).
func (m *Machine) HandleRequest(now time.Time, iq *stanza.Stanza) []Op {
	payload, ok := iq.Child(jingle.NS, "jingle")
	if !ok || !iq.From.IsFull() || iq.ID == "" {
		m.refuse(iq, stanza.ErrBadRequest())
		return m.take()
	}
	j, err := jingle.Parse(payload)
	if err != nil {
		m.refuse(iq, stanzaError(err))
		return m.take()
	}
	key := Key{iq.From, j.SID}
	s := m.sessions[key]
	if s != nil && slices.Contains(s.seen, iq.ID) {
		m.acknowledge(iq) // sent again after a resumption: answered again, done once
		return m.take()
	}
	if j.Action == jingle.SessionInitiate {
		m.initiated(now, iq, j, s)
		return m.take()
	}
	if s == nil {
		m.refuse(iq, jingle.ErrUnknownSession())
		return m.take()
	}
	m.act(now, iq, j, s)
	return m.take()
}

// act handles a request within a living session. The acknowledgement goes out
// before anything that follows from it.
func (m *Machine) act(now time.Time, iq *stanza.Stanza, j jingle.Jingle, s *session) {
	switch j.Action {
	case jingle.SessionAccept:
		m.accepted(now, iq, j, s)
	case jingle.TransportInfo:
		m.informed(iq, j, s)
	case jingle.SessionTerminate:
		m.acknowledge(iq)
		condition := jingle.Success
		var details error
		if j.Reason != nil {
			condition = j.Reason.Condition
			if j.Reason.Text != "" {
				details = errors.New(j.Reason.Text)
			}
		}
		m.end(s, Reason{Condition: condition, Remote: true, Err: details})
	case jingle.SessionInfo:
		// XEP-0166 §6.8: an empty one is a ping; we know no payload.
		if len(j.Info) > 0 {
			m.refuse(iq, jingle.ErrUnsupportedInfo())
			return
		}
		m.confirm(iq, s)
	case jingle.DescriptionInfo, jingle.SecurityInfo:
		m.refuse(iq, jingle.ErrUnsupportedInfo())
	case jingle.ContentModify:
		// XEP-0166 §7.2.3 allows to refuse to follow; a stream has no direction.
		m.confirm(iq, s)
	case jingle.ContentAdd:
		m.confirm(iq, s)
		m.request(s, jingle.Jingle{Action: jingle.ContentReject, SID: s.key.SID, Contents: namesOf(j)})
	case jingle.ContentRemove:
		m.confirm(iq, s)
		// XEP-0166 §7.2.5: a session without contents is void.
		if _, ours := contentNamed(j, s.content); ours {
			m.terminate(s, Reason{Condition: jingle.Success, Remote: true}, "")
		}
	case jingle.TransportReplace:
		m.replaced(now, iq, j, s)
	case jingle.TransportAccept:
		m.replacementAccepted(now, iq, j, s)
	case jingle.TransportReject:
		m.replacementRejected(now, iq, j, s)
	default:
		// Answers to requests that we never send.
		m.refuse(iq, jingle.ErrOutOfOrder())
	}
}

// initiated handles session-initiate (XEP-0166 §6.2).
func (m *Machine) initiated(now time.Time, iq *stanza.Stanza, j jingle.Jingle, same *session) {
	decision := m.policy(iq.From)
	if !decision.Talk {
		// XEP-0166 §6.3.2: to the unknown we look as if we knew no Jingle.
		m.refuse(iq, stanza.ErrServiceUnavailable())
		return
	}
	if !slices.ContainsFunc(j.Contents, func(c jingle.Content) bool {
		return c.Disposition == "" || c.Disposition == "session"
	}) {
		m.refuse(iq, stanza.ErrBadRequest().WithText("an offer needs a content of disposition session"))
		return
	}
	content, condition := m.choose(j)
	if condition == "" && !m.breakTie(iq, j.SID, &same) {
		return
	}
	if same != nil {
		m.refuse(iq, jingle.ErrOutOfOrder())
		return
	}
	if m.full(iq) {
		m.refuse(iq, stanza.ErrResourceConstraint())
		return
	}
	m.acknowledge(iq)
	if condition != "" {
		// XEP-0166 §6.3.1: acknowledge, then terminate with the reason.
		reason := terminate(j.SID, Reason{Condition: condition}, "")
		m.request(&session{key: Key{iq.From, j.SID}}, reason)
		return
	}
	s := m.add(Key{iq.From, j.SID}, Responder, now)
	s.state, s.deadline = answering, now.Add(m.timeouts.Answer)
	s.transport, s.content, s.addresses = content.Transport.Name.Space, content.Name, decision.Addresses
	// What the peer knows besides is not told; it says when it is asked.
	s.ladder = m.transports
	s.remember(iq.ID)
	m.ops = append(m.ops, OpAnswer{s.key, s.transport, content.Transport, s.addresses})
}

// choose picks the content of an offer that we can serve, or tells the condition
// to terminate with.
func (m *Machine) choose(j jingle.Jingle) (jingle.Content, string) {
	condition := jingle.UnsupportedApplications
	for _, c := range j.Contents {
		if c.Creator != jingle.Initiator || c.Disposition != "" && c.Disposition != "session" {
			continue
		}
		if _, err := xmlstreamapp.Parse(c.Description); err != nil {
			continue
		}
		switch {
		case !slices.Contains(m.transports, c.Transport.Name.Space):
			condition = jingle.UnsupportedTransports
		case !c.Security.IsZero():
			// A precondition that we cannot meet (XEP-0166 §9).
			condition = jingle.SecurityError
		default:
			return c, ""
		}
	}
	return jingle.Content{}, condition
}

// breakTie decides between the peer's offer and one of ours that it has not
// accepted yet (XEP-0166 §7.2.16): the lower session id wins by the order of
// octets, and with equal ids the lower address. It reports whether the peer's
// may go on; otherwise the offer has been refused.
func (m *Machine) breakTie(iq *stanza.Stanza, sid string, same **session) bool {
	for _, ours := range m.ordered() {
		if ours.key.Peer != iq.From || ours.role != Initiator || ours.state != offered {
			continue
		}
		wins := ours.key.SID < sid
		if ours.key.SID == sid {
			wins = m.self.String() < iq.From.String()
		}
		if wins {
			m.refuse(iq, jingle.ErrTieBreak())
			return false
		}
		if ours.key.SID == sid {
			// Both cannot be told apart; ours is as good as refused.
			m.end(ours, Reason{Condition: TieBreak})
			*same = nil
			continue
		}
		ours.yielded = true
	}
	return true
}

func (m *Machine) full(iq *stanza.Stanza) bool {
	return len(m.sessions) >= maxSessions || m.Count(iq.From) >= maxPerPeer
}

// accepted handles session-accept (XEP-0166 §6.5).
func (m *Machine) accepted(now time.Time, iq *stanza.Stanza, j jingle.Jingle, s *session) {
	if s.role != Initiator || s.state != offered {
		m.refuse(iq, jingle.ErrOutOfOrder())
		return
	}
	content, found := contentNamed(j, s.content)
	if !found || content.Transport.Name.Space != s.transport {
		m.refuse(iq, stanza.ErrBadRequest().WithText("the answer lacks what was offered"))
		m.terminate(s, Reason{Condition: jingle.IncompatibleParameters}, "")
		return
	}
	m.confirm(iq, s)
	s.acked = true
	if winner := m.rival(s); winner != nil {
		// The peer took our offer although its own stands: one link is enough.
		m.terminate(s, Reason{Condition: jingle.AlternativeSession}, winner.key.SID)
		return
	}
	m.activate(now, s)
	m.ops = append(m.ops, OpRemote{s.key, content.Transport})
}

// rival is the session that ours has given way to, if that still lives.
func (m *Machine) rival(s *session) *session {
	if !s.yielded {
		return nil
	}
	for _, other := range m.ordered() {
		if other.key.Peer == s.key.Peer && other.role == Responder {
			return other
		}
	}
	return nil
}

// informed handles transport-info (XEP-0166 §7.2.13). It may come before the
// session is accepted.
func (m *Machine) informed(iq *stanza.Stanza, j jingle.Jingle, s *session) {
	content, found := contentNamed(j, s.content)
	if !found || content.Transport.Name.Space != s.transport {
		m.refuse(iq, jingle.ErrUnsupportedInfo())
		return
	}
	if s.taken >= maxInfo {
		m.refuse(iq, stanza.ErrPolicyViolation().WithText("more candidates than anybody needs"))
		return
	}
	s.taken++
	m.confirm(iq, s)
	m.ops = append(m.ops, OpInfo{s.key, content.Transport})
}

func contentNamed(j jingle.Jingle, name string) (jingle.Content, bool) {
	for _, c := range j.Contents {
		if c.Name == name && c.Creator == jingle.Initiator {
			return c, true
		}
	}
	return jingle.Content{}, false
}

// namesOf names contents without their substance, for refusing them.
func namesOf(j jingle.Jingle) []jingle.Content {
	var names []jingle.Content
	for _, c := range j.Contents {
		name := jingle.Content{Creator: c.Creator, Name: c.Name}
		if !c.Transport.IsZero() {
			name.Transport = xmlstream.NewNode(c.Transport.Name.Space, "transport")
		}
		names = append(names, name)
	}
	return names
}

// HandleReply takes an IQ of type result or error. A reply that nobody waits
// for, or that comes from somebody else than was asked, is ignored.
func (m *Machine) HandleReply(now time.Time, iq *stanza.Stanza) []Op {
	p, ok := m.pending[iq.ID]
	if !ok || p.key.Peer != iq.From {
		return nil
	}
	delete(m.pending, iq.ID)
	s := m.sessions[p.key]
	if s == nil {
		return nil
	}
	if iq.Type == stanza.Result {
		if p.action == jingle.SessionInitiate {
			s.acked = true
		}
		return nil
	}
	failure := iq.Err()
	switch p.action {
	case jingle.SessionInitiate:
		reason := Reason{Condition: jingle.GeneralError, Remote: true, Err: failure}
		if jingle.IsTieBreak(failure) {
			reason = Reason{Condition: TieBreak, Remote: true}
		}
		m.end(s, reason)
	case jingle.SessionAccept:
		m.end(s, Reason{Condition: jingle.GeneralError, Remote: true, Err: failure})
	case jingle.TransportReplace, jingle.TransportAccept:
		m.replacementRefused(now, s, p, failure)
	default:
		// A candidate that was not welcome changes nothing, unless it tells that
		// the session is gone. Before the offer is acknowledged it may merely
		// not have arrived.
		if jingle.IsUnknownSession(failure) && (s.role == Responder || s.acked) && s.state != ready {
			m.end(s, Reason{Condition: jingle.Gone, Remote: true, Err: failure})
		}
	}
	return m.take()
}

// confirm acknowledges a request and remembers it.
func (m *Machine) confirm(iq *stanza.Stanza, s *session) {
	s.remember(iq.ID)
	m.acknowledge(iq)
}

func (m *Machine) acknowledge(iq *stanza.Stanza) { m.send(iq.Result(nil)) }

func (m *Machine) refuse(iq *stanza.Stanza, e *stanza.Error) {
	if reply := iq.ErrorReply(e); reply != nil {
		m.send(reply)
	}
}

// remember keeps the ids of the latest requests.
func (s *session) remember(id string) {
	if len(s.seen) == rememberedIQs {
		s.seen = append(s.seen[:0], s.seen[1:]...)
	}
	s.seen = append(s.seen, id)
}

// stanzaError is what a peer may read of an error.
func stanzaError(err error) *stanza.Error {
	var e *stanza.Error
	if errors.As(err, &e) {
		return e
	}
	return stanza.ErrBadRequest()
}
