package peer

import (
	"slices"
	"time"

	"godwit/jid"
	"godwit/stanza"
	"godwit/xep/jingle"
	"godwit/xep/xmlstreamapp"
	"godwit/xmlstream"
)

// Bounds of a Machine.
const (
	maxSessions   = 256 // in all
	maxPerPeer    = 3   // with one device: a living link, its successor, and one more
	maxInfo       = 64  // transport-infos sent or taken per session
	rememberedIQs = 16  // requests per session whose repetition is recognised
	contentName   = "xmlstream"
	maxHeld       = 8    // transport-infos of ours kept while an offer is yielded
	maxTerminates = 1024 // requests waiting for replies at which the unimportant go
)

// Timeouts of a session, each counted from the moment its state began.
type Timeouts struct {
	Offer   time.Duration // for the peer to accept; default 20 s
	Answer  time.Duration // for our half to be made; default 10 s
	Connect time.Duration // from acceptance to the link; default 15 s
	// Try is Connect for a transport that the initiator can replace by another;
	// default 15 s, never more than Connect.
	Try time.Duration
}

type state uint8

const (
	offered    state = iota + 1 // we sent session-initiate
	answering                   // we took one and prepare our half
	active                      // accepted (XEP-0166 §5: ACTIVE), no link yet
	ready                       // the link is there
	replacing                   // our transport failed: we offer another
	rebuilding                  // the peer offered another: we prepare our half of it
)

// session is one introduction.
type session struct {
	key       Key
	role      Role
	state     state
	transport string   // namespace, of the half that is there or being made
	ladder    []string // namespaces that may replace it, best first
	tried     []string // namespaces that were given up; never tried again
	asked     bool     // in state replacing: transport-replace was sent
	content   string   // name of our one content, made by the initiator
	addresses Addresses
	born      uint64    // order of creation
	deadline  time.Time // zero in state ready
	acked     bool      // our session-initiate was acknowledged
	yielded   bool      // a lower offer came from the peer; ours will be refused
	held      []xmlstream.Node
	infos     int      // transport-infos sent
	taken     int      // transport-infos received
	seen      []string // ids of the peer's latest requests
}

// pendingIQ is a request of ours that waits for its reply.
type pendingIQ struct {
	key       Key
	action    jingle.Action
	transport string // namespace the session had then
}

// Machine is the introduction with all peers, as pure decisions: no clock, no
// I/O, no goroutine. One goroutine owns it.
type Machine struct {
	self       jid.JID
	transports []string // namespaces that can be answered
	policy     Policy
	newID      func() string
	timeouts   Timeouts

	born     uint64
	sessions map[Key]*session
	pending  map[string]pendingIQ // by IQ id
	ops      []Op
}

// NewMachine makes a Machine that answers the given transports. newID returns a
// fresh unguessable identifier for an IQ.
func NewMachine(transports []string, policy Policy, newID func() string, timeouts Timeouts) *Machine {
	defaultTo(&timeouts.Offer, 20*time.Second)
	defaultTo(&timeouts.Answer, 10*time.Second)
	defaultTo(&timeouts.Connect, 15*time.Second)
	defaultTo(&timeouts.Try, 15*time.Second)
	timeouts.Try = min(timeouts.Try, timeouts.Connect)
	return &Machine{
		transports: transports, policy: policy, newID: newID, timeouts: timeouts,
		sessions: make(map[Key]*session), pending: make(map[string]pendingIQ),
	}
}

func defaultTo(value *time.Duration, fallback time.Duration) {
	if *value <= 0 {
		*value = fallback
	}
}

// SetSelf tells this client's full JID, at every sign-in. Sessions go on under
// the address they were made with.
func (m *Machine) SetSelf(self jid.JID) { m.self = self }

// Live reports whether an introduction or link with this device exists.
func (m *Machine) Live(peer jid.JID) bool { return m.Count(peer) > 0 }

// Count is the number of introductions and links with this device.
func (m *Machine) Count(peer jid.JID) int {
	count := 0
	for key := range m.sessions {
		if key.Peer == peer {
			count++
		}
	}
	return count
}

// Sessions lists the sessions, oldest first.
func (m *Machine) Sessions() []Key {
	keys := make([]Key, 0, len(m.sessions))
	for _, s := range m.ordered() {
		keys = append(keys, s.key)
	}
	return keys
}

// Initiate offers a session. The sid is fresh and unguessable; local is the
// <transport/> of our half. Others are namespaces of transports that both sides
// know besides, best first; they are tried in turn should this one fail.
func (m *Machine) Initiate(now time.Time, key Key, addresses Addresses, local xmlstream.Node, others ...string) []Op {
	s := m.add(key, Initiator, now)
	s.ladder = others
	s.state, s.deadline = offered, now.Add(m.timeouts.Offer)
	s.transport, s.content, s.addresses = local.Name.Space, contentName, addresses
	m.request(s, jingle.Jingle{
		Action: jingle.SessionInitiate, SID: key.SID, Initiator: m.self,
		Contents: []jingle.Content{s.contentWith(local)},
	})
	return m.take()
}

// Answered accepts a session or another transport after OpAnswer: local is our
// half's <transport/>.
func (m *Machine) Answered(now time.Time, key Key, local xmlstream.Node) []Op {
	s := m.sessions[key]
	if s == nil || s.state != answering && s.state != rebuilding {
		return nil
	}
	if s.state == rebuilding {
		m.rebuilt(now, s, local)
		return m.take()
	}
	m.activate(now, s)
	m.request(s, jingle.Jingle{
		Action: jingle.SessionAccept, SID: key.SID, Responder: m.self,
		Contents: []jingle.Content{s.contentWith(local)},
	})
	return m.take()
}

// Candidates sends candidates found meanwhile (transport-info).
func (m *Machine) Candidates(key Key, transport xmlstream.Node) []Op {
	s := m.sessions[key]
	if s == nil || s.state == answering || s.state == rebuilding || s.state == replacing && !s.asked || s.infos >= maxInfo {
		return nil
	}
	if s.yielded {
		// The offer will be refused; should it not be, they are sent then.
		if len(s.held) < maxHeld {
			s.held = append(s.held, transport)
		}
		return nil
	}
	m.sendInfo(s, transport)
	return m.take()
}

func (m *Machine) sendInfo(s *session, transport xmlstream.Node) {
	clean, candidates := s.addresses.strip(transport)
	if candidates == 0 {
		return
	}
	s.infos++
	m.request(s, jingle.Jingle{
		Action: jingle.TransportInfo, SID: s.key.SID,
		Contents: []jingle.Content{{Creator: jingle.Initiator, Name: s.content, Transport: clean}},
	})
}

// Connected says that a link of the session is there, the first one or one on a
// better path. It reports false when the session ended meanwhile: the link is to
// be closed. Attempts with the same device that are older and have no link yet
// end in its favour; an older link stays until its owner has moved to this one.
func (m *Machine) Connected(now time.Time, key Key) (ops []Op, live bool) {
	s := m.sessions[key]
	if s == nil || s.state == replacing || s.state == rebuilding {
		return nil, false // by a half that was given up
	}
	s.state, s.deadline, s.yielded = ready, time.Time{}, false
	for _, other := range m.ordered() {
		if other.key.Peer == key.Peer && other.born < s.born && other.state != ready {
			m.terminate(other, Reason{Condition: jingle.AlternativeSession}, key.SID)
		}
	}
	return m.take(), true
}

// Failed takes that our half of the transport failed: another one is tried if
// there is one, else the session ends. An error that is a *stanza.Error was the
// peer's fault.
func (m *Machine) Failed(now time.Time, key Key, condition string, err error) []Op {
	if s := m.sessions[key]; s != nil {
		m.failed(now, s, Reason{Condition: condition, Err: err})
	}
	return m.take()
}

// Ended ends a session for a reason of ours, such as the end of its link.
func (m *Machine) Ended(key Key, condition string) []Op {
	if s := m.sessions[key]; s != nil {
		m.terminate(s, Reason{Condition: condition}, "")
	}
	return m.take()
}

// Tick ends the sessions whose deadline has passed, or gives them another
// transport.
func (m *Machine) Tick(now time.Time) []Op {
	for _, s := range m.ordered() {
		if s.deadline.IsZero() || now.Before(s.deadline) {
			continue
		}
		if s.state == active {
			m.failed(now, s, Reason{Condition: jingle.FailedTransport})
			continue
		}
		m.terminate(s, Reason{Condition: jingle.Timeout}, "")
	}
	return m.take()
}

// Deadline is when Tick has something to do; the zero time when never.
func (m *Machine) Deadline() time.Time {
	var first time.Time
	for _, s := range m.sessions {
		if !s.deadline.IsZero() && (first.IsZero() || s.deadline.Before(first)) {
			first = s.deadline
		}
	}
	return first
}

func (m *Machine) add(key Key, role Role, now time.Time) *session {
	m.born++
	s := &session{key: key, role: role, born: m.born}
	m.sessions[key] = s
	return s
}

// ordered lists the sessions oldest first, so that decisions do not depend on
// the order of a map.
func (m *Machine) ordered() []*session {
	list := make([]*session, 0, len(m.sessions))
	for _, s := range m.sessions {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b *session) int {
		if a.born < b.born {
			return -1
		}
		return 1
	})
	return list
}

// terminate tells the peer and ends the session. The session is gone at once:
// whatever the peer still says about it is answered with unknown-session
// (XEP-0166 §6.7).
func (m *Machine) terminate(s *session, r Reason, alternative string) {
	m.request(s, terminate(s.key.SID, r, alternative))
	m.end(s, r)
}

// end removes a session without a word to the peer.
func (m *Machine) end(s *session, r Reason) {
	delete(m.sessions, s.key)
	for id, p := range m.pending {
		if p.key == s.key && p.action != jingle.SessionTerminate {
			delete(m.pending, id)
		}
	}
	m.ops = append(m.ops, OpEnd{s.key, r})
	m.unyield(s.key.Peer)
}

// unyield lets our offer stand again when the one it gave way to has ended
// before ours was refused.
func (m *Machine) unyield(peer jid.JID) {
	for _, s := range m.sessions {
		if s.key.Peer == peer && !s.yielded {
			return
		}
	}
	for _, s := range m.ordered() {
		if s.key.Peer != peer || !s.yielded {
			continue
		}
		s.yielded = false
		for _, held := range s.held {
			m.sendInfo(s, held)
		}
		s.held = nil
	}
}

// request sends an IQ and remembers it until its reply.
func (m *Machine) request(s *session, j jingle.Jingle) {
	id := m.newID()
	m.pending[id] = pendingIQ{s.key, j.Action, s.transport}
	if j.Action == jingle.SessionTerminate {
		m.forgetTerminates()
	}
	m.send(stanza.Build(stanza.IQ, stanza.Set, s.key.Peer, jid.JID{}, id, j.Encode))
}

// forgetTerminates bounds the replies to session-terminate that are waited for:
// nothing depends on them.
func (m *Machine) forgetTerminates() {
	if len(m.pending) <= maxTerminates {
		return
	}
	for id, p := range m.pending {
		if p.action == jingle.SessionTerminate {
			delete(m.pending, id)
		}
	}
}

func (m *Machine) send(s *stanza.Stanza) { m.ops = append(m.ops, OpSend{s}) }

func (m *Machine) take() []Op {
	ops := m.ops
	m.ops = nil
	return ops
}

// contentWith is our one content with the given transport, stripped of what the
// peer may not see.
func (s *session) contentWith(transport xmlstream.Node) jingle.Content {
	clean, _ := s.addresses.strip(transport)
	return jingle.Content{
		Creator: jingle.Initiator, Name: s.content,
		Description: xmlstreamapp.Description{}.Node(), Transport: clean,
	}
}
