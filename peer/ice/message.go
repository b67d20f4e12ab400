package ice

import (
	"encoding/binary"
	"net"
	"net/netip"
	"time"

	"godwit/xep/icetransport"

	"github.com/pion/stun/v4"
)

// Type preferences in the PRIORITY of a check (RFC 8445 §7.1.1). A check from a
// relay says so by the lowest one, so that a peer that sees it before the
// candidate takes it for no direct path.
const (
	learnedPreference = 110
	relayPreference   = 0
	localPreference   = 65535
)

type raw struct {
	kind  stun.AttrType
	value []byte
}

// AddTo implements stun.Setter.
func (r raw) AddTo(m *stun.Message) error {
	m.Add(r.kind, r.value)
	return nil
}

func priorityOf(preference uint32) []byte {
	return binary.BigEndian.AppendUint32(nil, preference<<24|localPreference<<8|255)
}

func (a *Agent) roleAttribute() raw {
	kind := stun.AttrICEControlled
	if a.controlling {
		kind = stun.AttrICEControlling
	}
	return raw{kind, binary.BigEndian.AppendUint64(nil, a.tieBreaker)}
}

// request builds a check (RFC 8445 §7.2.2).
func (a *Agent) request(p *pair, nominate bool) (id, []byte) {
	preference := uint32(learnedPreference)
	if a.bases[p.base].Relayed {
		preference = relayPreference
	}
	return Check(a.local, a.remote, a.roleAttribute(), raw{stun.AttrPriority, priorityOf(preference)}, nominate)
}

// Check builds a connectivity check with two attributes of the agent's state.
func Check(local, remote Credentials, role, priority stun.Setter, nominate bool) (id, []byte) {
	setters := []stun.Setter{
		stun.TransactionID, stun.BindingRequest, stun.NewUsername(remote.Ufrag + ":" + local.Ufrag), role, priority,
	}
	if nominate {
		setters = append(setters, raw{stun.AttrUseCandidate, nil})
	}
	m, err := stun.Build(append(setters, stun.NewShortTermIntegrity(remote.Pwd), stun.Fingerprint)...)
	if err != nil {
		return id{}, nil // credentials too long for USERNAME: nothing can be said
	}
	return m.TransactionID, m.Raw
}

// Probe builds a check of this side that is sent where its answer is not waited
// for: to ports that are only guessed, or from sockets that are no bases yet.
func (a *Agent) Probe() []byte {
	_, data := Check(a.local, a.remote, a.roleAttribute(), raw{stun.AttrPriority, priorityOf(learnedPreference)}, false)
	return data
}

// Authentic reports whether a packet is a check of the peer of this session.
func (a *Agent) Authentic(packet []byte) bool {
	m := &stun.Message{Raw: append([]byte(nil), packet...)}
	if m.Decode() != nil || m.Type != stun.BindingRequest {
		return false
	}
	return a.authentic(m)
}

func (a *Agent) authentic(m *stun.Message) bool {
	var username stun.Username
	return username.GetFrom(m) == nil && username.String() == a.local.Ufrag+":"+a.remote.Ufrag &&
		stun.NewShortTermIntegrity(a.local.Pwd).Check(m) == nil
}

// Receive takes a STUN message that arrived at a base.
func (a *Agent) Receive(base BaseID, packet []byte, from netip.AddrPort, now time.Time) {
	if _, known := a.bases[base]; !known || a.started.IsZero() {
		return
	}
	m := &stun.Message{Raw: append([]byte(nil), packet...)}
	if m.Decode() != nil || m.Type.Method != stun.MethodBinding {
		return
	}
	if m.Contains(stun.AttrFingerprint) && stun.Fingerprint.Check(m) != nil {
		return
	}
	switch m.Type.Class {
	case stun.ClassRequest:
		a.receiveRequest(base, m, from, now)
	case stun.ClassSuccessResponse, stun.ClassErrorResponse:
		a.receiveResponse(base, m, from, now)
	}
}

// receiveRequest answers a check and learns from it (RFC 8445 §7.3).
func (a *Agent) receiveRequest(base BaseID, m *stun.Message, from netip.AddrPort, now time.Time) {
	if !a.authentic(m) {
		return // a stranger's, or an older session's
	}
	if !a.acceptable(from.Addr()) {
		return
	}
	if a.conflict(base, m, from) {
		return
	}
	kind, priority := icetransport.PeerReflexive, uint32(0)
	if value, err := m.Get(stun.AttrPriority); err == nil && len(value) == 4 {
		if priority = binary.BigEndian.Uint32(value); priority>>24 <= relayPreference {
			kind = icetransport.Relayed
		}
	}
	r := a.find(from)
	if r == nil {
		r = a.addRemote(from, kind, priority, now)
	}
	a.respond(base, m, from)
	if r == nil {
		return
	}
	p := a.pairOf(base, r)
	if p == nil {
		return
	}
	if !a.controlling && m.Contains(stun.AttrUseCandidate) {
		p.nominated = true
		if p.working {
			a.take(p)
		}
	}
	// The triggered check (RFC 8445 §7.3.1.4): its way is open now.
	if !p.working && !now.Before(p.rejected) && now.Sub(p.last) >= triggerPause {
		a.check(p, now)
	}
}

// conflict settles who controls when both sides say they do, or neither
// (RFC 8445 §7.3.1.1).
func (a *Agent) conflict(base BaseID, m *stun.Message, from netip.AddrPort) bool {
	kind := stun.AttrICEControlled
	if a.controlling {
		kind = stun.AttrICEControlling
	}
	value, err := m.Get(kind)
	if err != nil || len(value) != 8 {
		return false
	}
	larger := a.tieBreaker >= binary.BigEndian.Uint64(value)
	if larger != a.controlling {
		a.controlling = !a.controlling
		a.nominating = nil
		return false
	}
	response, err := stun.Build(stun.NewTransactionIDSetter(m.TransactionID), stun.BindingError, stun.CodeRoleConflict,
		stun.NewShortTermIntegrity(a.local.Pwd), stun.Fingerprint)
	if err == nil {
		a.out = append(a.out, Packet{base, from, response.Raw})
	}
	return true
}

func (a *Agent) respond(base BaseID, m *stun.Message, from netip.AddrPort) {
	response, err := stun.Build(stun.NewTransactionIDSetter(m.TransactionID), stun.BindingSuccess,
		&stun.XORMappedAddress{IP: net.IP(from.Addr().AsSlice()), Port: int(from.Port())},
		stun.NewShortTermIntegrity(a.local.Pwd), stun.Fingerprint)
	if err == nil {
		a.out = append(a.out, Packet{base, from, response.Raw})
	}
}

// receiveResponse learns what a check of ours has shown (RFC 8445 §7.2.5).
func (a *Agent) receiveResponse(base BaseID, m *stun.Message, from netip.AddrPort, now time.Time) {
	asked, ok := a.pending[m.TransactionID]
	if !ok || stun.NewShortTermIntegrity(a.remote.Pwd).Check(m) != nil {
		return
	}
	p := asked.pair
	if p.base != base || p.remote.address != from {
		return // §7.2.5.2.1: not symmetric
	}
	delete(a.pending, m.TransactionID)
	if m.Type.Class == stun.ClassErrorResponse {
		var code stun.ErrorCodeAttribute
		if code.GetFrom(m) == nil && code.Code == stun.CodeRoleConflict {
			a.controlling = !a.controlling
			a.nominating = nil
		}
		return
	}
	var mapped stun.XORMappedAddress
	if mapped.GetFrom(m) == nil {
		if ip, ok := netip.AddrFromSlice(mapped.IP); ok {
			p.mapped = netip.AddrPortFrom(ip.Unmap(), uint16(mapped.Port))
		}
	}
	p.heard, p.rtt = now, now.Sub(asked.at)
	if now.Before(p.rejected) {
		return
	}
	p.working = true
	switch {
	case asked.nomination && p == a.nominating, asked.nomination && a.selected == nil && a.eager:
		a.nominating = nil
		a.take(p)
	case p.nominated && !a.controlling:
		a.take(p)
	default:
		a.choose(now)
		if p == a.nominating {
			a.check(p, now)
		}
	}
}
