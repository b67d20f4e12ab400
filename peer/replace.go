package peer

import (
	"errors"
	"slices"
	"time"

	"godwit/stanza"
	"godwit/xep/jingle"
	"godwit/xmlstream"
)

// Falling down the ladder: when the transport of a session fails before there is
// a link, the session goes on with another (transport-replace, XEP-0166 §7.2.15).
//
//	whose transport failed                   the other
//	  OpReplace, Reoffer ─ transport-replace ▸ OpAnswer
//	                   ◂── result ───────────
//	                   ◂── transport-accept ── Answered
//	  OpRemote         ─── result ───────────▸
//
// Both may ask, but each transport is tried at most once in a session, so that
// two sides never replace without end. When both ask at the same time the
// initiator's request stands (XEP-0166 §7.2.16). Who does not know the action
// refuses it, and the session ends as it would have without.

// errRejected: the peer would not have another transport.
var errRejected = errors.New("peer: the other side takes no other transport")

// activate begins the wait for the link.
func (m *Machine) activate(now time.Time, s *session) {
	wait := m.timeouts.Connect
	if s.role == Initiator && s.next() != "" {
		wait = m.timeouts.Try
	}
	s.state, s.deadline = active, now.Add(wait)
}

// next is the best transport that was not tried yet, or "".
func (s *session) next() string {
	for _, namespace := range s.ladder {
		if namespace != s.transport && !slices.Contains(s.tried, namespace) {
			return namespace
		}
	}
	return ""
}

// failed gives up the session's transport, and the session with it if there is
// no other.
func (m *Machine) failed(now time.Time, s *session, r Reason) {
	switch s.state {
	case active, replacing:
		m.fallBack(now, s, r)
	case rebuilding:
		// The peer's offer of a transport is answered, and the next is its move.
		m.request(s, jingle.Jingle{
			Action: jingle.TransportReject, SID: s.key.SID,
			Contents: []jingle.Content{{Creator: jingle.Initiator, Name: s.content, Transport: xmlstream.NewNode(s.transport, "transport")}},
		})
		s.tried = append(s.tried, s.transport)
		m.activate(now, s)
	default:
		m.terminate(s, r, "")
	}
}

// fallBack takes the next transport. Until it is offered nothing is sent.
func (m *Machine) fallBack(now time.Time, s *session, r Reason) {
	next := s.next()
	if next == "" {
		m.terminate(s, r, "")
		return
	}
	s.tried = append(s.tried, s.transport)
	s.use(next)
	s.state, s.asked, s.deadline = replacing, false, now.Add(m.timeouts.Answer)
	m.ops = append(m.ops, OpReplace{s.key, next, s.addresses})
}

// use begins with another transport; its candidates are counted anew.
func (s *session) use(namespace string) {
	s.transport, s.infos, s.taken = namespace, 0, 0
}

// Reoffer offers another transport after OpReplace: local is our half's
// <transport/>.
func (m *Machine) Reoffer(now time.Time, key Key, local xmlstream.Node) []Op {
	s := m.sessions[key]
	if s == nil || s.state != replacing || s.asked || local.Name.Space != s.transport {
		return nil
	}
	s.asked, s.deadline = true, now.Add(m.timeouts.Offer)
	m.request(s, jingle.Jingle{
		Action: jingle.TransportReplace, SID: s.key.SID,
		Contents: []jingle.Content{s.transportOnly(local)},
	})
	return m.take()
}

// transportOnly is our one content with a transport alone, stripped of what the
// peer may not see.
func (s *session) transportOnly(local xmlstream.Node) jingle.Content {
	clean, _ := s.addresses.strip(local)
	return jingle.Content{Creator: jingle.Initiator, Name: s.content, Transport: clean}
}

// replaced handles transport-replace (XEP-0166 §7.2.15). A transport that was
// tried, and any while a link is there or no transport was agreed on yet, is
// rejected.
func (m *Machine) replaced(now time.Time, iq *stanza.Stanza, j jingle.Jingle, s *session) {
	switch {
	case s.state == rebuilding:
		m.refuse(iq, jingle.ErrOutOfOrder())
		return
	case s.state == replacing && s.role == Initiator:
		m.refuse(iq, jingle.ErrTieBreak())
		return
	}
	content, found := contentNamed(j, s.content)
	namespace := content.Transport.Name.Space
	tried := slices.Contains(s.tried, namespace) || s.state == active && namespace == s.transport
	m.confirm(iq, s)
	if !found || tried || s.state != active && s.state != replacing || !slices.Contains(m.transports, namespace) {
		m.request(s, jingle.Jingle{Action: jingle.TransportReject, SID: s.key.SID, Contents: namesOf(j)})
		return
	}
	if s.state == active { // in state replacing it was given up already
		s.tried = append(s.tried, s.transport)
	}
	s.use(namespace)
	s.state, s.asked, s.deadline = rebuilding, false, now.Add(m.timeouts.Answer)
	m.ops = append(m.ops, OpAnswer{s.key, namespace, content.Transport, s.addresses})
}

// rebuilt accepts the peer's transport-replace.
func (m *Machine) rebuilt(now time.Time, s *session, local xmlstream.Node) {
	m.activate(now, s)
	m.request(s, jingle.Jingle{
		Action: jingle.TransportAccept, SID: s.key.SID,
		Contents: []jingle.Content{s.transportOnly(local)},
	})
}

// replacementAccepted handles transport-accept.
func (m *Machine) replacementAccepted(now time.Time, iq *stanza.Stanza, j jingle.Jingle, s *session) {
	if s.state != replacing || !s.asked {
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
	m.activate(now, s)
	m.ops = append(m.ops, OpRemote{s.key, content.Transport})
}

// replacementRejected handles transport-reject: the next transport is offered.
func (m *Machine) replacementRejected(now time.Time, iq *stanza.Stanza, j jingle.Jingle, s *session) {
	content, found := contentNamed(j, s.content)
	named := content.Transport.Name.Space
	if s.state != replacing || !s.asked || !found || named != "" && named != s.transport {
		m.refuse(iq, jingle.ErrOutOfOrder())
		return
	}
	m.confirm(iq, s)
	m.fallBack(now, s, Reason{Condition: jingle.FailedTransport, Err: errRejected})
}

// replacementRefused takes an error to our transport-replace or transport-accept.
func (m *Machine) replacementRefused(now time.Time, s *session, p pendingIQ, failure *stanza.Error) {
	switch {
	case s.transport != p.transport:
		// About a transport that was given up meanwhile.
	case jingle.IsUnknownSession(failure):
		m.end(s, Reason{Condition: jingle.Gone, Remote: true, Err: failure})
	case p.action == jingle.TransportAccept:
		if s.state == active {
			m.terminate(s, Reason{Condition: jingle.FailedTransport, Err: failure}, "")
		}
	case s.state != replacing || !s.asked:
		// Its answer has come already.
	case s.role == Responder && jingle.IsTieBreak(failure):
		// The initiator's own request stands, and is on its way.
	default:
		m.fallBack(now, s, Reason{Condition: jingle.FailedTransport, Err: failure})
	}
}
