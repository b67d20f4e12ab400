package relay

import (
	"encoding/binary"
	"net"
	"net/netip"
	"time"

	"github.com/pion/stun/v4"
)

const (
	// maxFrame bounds a message of a client that has an allocation: a datagram
	// of maxDatagram with what is around it.
	maxFrame = 1600

	channelHeader = 4
	firstChannel  = 0x4000 // RFC 8656 §12
	lastChannel   = 0x4FFF

	// Lifetimes of allocations in seconds (RFC 8656 §7.2): no shorter than the
	// default, and below the hour at which the library falls back to it.
	minLifetime = 600
	maxLifetime = 3599

	protocolUDP = 17

	codeMismatch         stun.ErrorCode = 437
	codeWrongCredentials stun.ErrorCode = 441
)

var (
	typeSend = stun.NewType(stun.MethodSend, stun.ClassIndication).Value()

	typeAllocate         = stun.NewType(stun.MethodAllocate, stun.ClassRequest).Value()
	typeRefresh          = stun.NewType(stun.MethodRefresh, stun.ClassRequest).Value()
	typeCreatePermission = stun.NewType(stun.MethodCreatePermission, stun.ClassRequest).Value()
	typeChannelBind      = stun.NewType(stun.MethodChannelBind, stun.ClassRequest).Value()
)

// request is one authenticated request on its way to the library. Its attributes
// point into the endpoint's message.
type request struct {
	ready       bool // checked, not yet given to the library
	primed      bool // the library was asked for a nonce
	fingerprint bool
	method      stun.Method
	id          [stun.TransactionIDSize]byte
	username    string
	account     string
	secret      stun.MessageIntegrity
	attributes  []stun.RawAttribute
	lifetime    *uint32

	user   *user // the quota taken for a new allocation
	key    clientKey
	from   netip.AddrPort // as the wire wants it
	reply  route
	client *net.UDPAddr
	local  *net.UDPAddr
}

// take deals with one message. It returns the allocation whose data the message
// is, which the library is to see as it came; a request for the library is left
// in e.request; all else was answered or dropped.
func (e *endpoint) take(p packet) *allocation {
	if len(p.data) > maxFrame {
		e.server.refuse(ReasonOversize)
		return nil
	}
	if e.turn && len(p.data) >= channelHeader {
		switch kind := binary.BigEndian.Uint16(p.data); {
		case kind&0xC000 == 0x4000:
			return e.channelData(p)
		case kind == typeSend:
			return e.sendIndication(p)
		case kind == typeAllocate, kind == typeRefresh, kind == typeCreatePermission, kind == typeChannelBind:
			e.control(p)
			return nil
		}
	}
	e.bind(p)
	return nil
}

// bind deals with a message that is not TURN's.
func (e *endpoint) bind(p packet) {
	r := &e.binding
	r.discovery, r.local, r.second = e.discovery, p.local, e.second
	response := e.server.answer(r.respond, p.data, p.from)
	if response == nil {
		return
	}
	// A packet that cannot be sent is a packet lost: clients repeat.
	if k := r.leave.socket; k != nil {
		reply := p.reply
		if k.local.Addr().IsUnspecified() {
			reply.local = r.leave.local.Addr()
		} else {
			reply.local = netip.Addr{}
		}
		_ = k.write(response, p.from, reply)
		return
	}
	_ = e.wire.send(response, p.from, p.reply)
}

// keyOf is the 5-tuple of a message.
func keyOf(p packet) clientKey {
	return clientKey{
		netip.AddrPortFrom(p.from.Addr().Unmap(), p.from.Port()),
		netip.AddrPortFrom(p.local.Addr().Unmap(), p.local.Port()),
	}
}

// channelData checks ChannelData (RFC 8656 §12.4) of a client.
func (e *endpoint) channelData(p packet) *allocation {
	a := e.client(keyOf(p))
	if a == nil {
		e.server.count.strays.Add(1)
		return nil
	}
	number, length := binary.BigEndian.Uint16(p.data), int(binary.BigEndian.Uint16(p.data[2:]))
	if number > lastChannel || length > len(p.data)-channelHeader {
		e.server.count.malformed.Add(1)
		return nil
	}
	return a
}

// sendIndication checks a Send indication (RFC 8656 §11.2) of a client. What it
// may not send to is the business of the allocation, which sees the datagram.
func (e *endpoint) sendIndication(p packet) *allocation {
	a := e.client(keyOf(p))
	if a == nil {
		e.server.count.strays.Add(1)
		return nil
	}
	m := &e.message
	if !e.decode(p.data, maxFrame) {
		e.server.count.malformed.Add(1)
		return nil
	}
	var peer, data bool
	for _, attribute := range m.Attributes {
		switch attribute.Type {
		case stun.AttrXORPeerAddress:
			if _, peer = peerOf(attribute.Value, m.TransactionID); !peer {
				e.server.count.malformed.Add(1)
				return nil
			}
		case stun.AttrData:
			data = true
		default:
			// DONT-FRAGMENT is among those: the bit can not be set here.
			if attribute.Type.Required() && !understood(attribute.Type) {
				e.server.count.ignored.Add(1)
				return nil
			}
		}
	}
	if !peer || !data {
		e.server.count.malformed.Add(1)
		return nil
	}
	return a
}

// decode parses into e.message and checks the frame and the fingerprint.
func (e *endpoint) decode(data []byte, limit int) bool {
	if len(data) < headerSize || len(data) > limit || !headerValid(data) ||
		headerSize+int(binary.BigEndian.Uint16(data[2:4])) != len(data) {
		return false
	}
	e.message.Reset()
	if _, err := e.message.Write(data); err != nil {
		return false
	}
	_, ok := checkFingerprint(&e.message)
	return ok
}

// peerOf reads XOR-PEER-ADDRESS (RFC 8656 §18.3), strictly.
func peerOf(value []byte, id [stun.TransactionIDSize]byte) (netip.AddrPort, bool) {
	var mask [16]byte
	binary.BigEndian.PutUint32(mask[:], magicCookie)
	copy(mask[4:], id[:])
	if len(value) != 8 && len(value) != 20 {
		return netip.AddrPort{}, false
	}
	port := binary.BigEndian.Uint16(value[2:]) ^ magicCookie>>16
	family := binary.BigEndian.Uint16(value)
	var raw [16]byte
	for i, b := range value[4:] {
		raw[i] = b ^ mask[i]
	}
	switch {
	case family == 1 && len(value) == 8:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(raw[:4])), port), true
	case family == 2 && len(value) == 20:
		return netip.AddrPortFrom(netip.AddrFrom16(raw).Unmap(), port), true
	}
	return netip.AddrPort{}, false
}

// control deals with a request of a TURN method: authenticate, authorise, and
// leave it for the library, or answer it.
func (e *endpoint) control(p packet) {
	s, now := e.server, time.Now()
	s.count.requests.Add(1)
	key := keyOf(p)
	owner := e.client(key)
	if (owner == nil || !owner.allow(now)) && !s.limiter.allow(p.from.Addr(), now) {
		s.count.limited.Add(1)
		s.refuse(ReasonRate)
		return
	}
	if !e.decode(p.data, maxMessage) {
		s.count.malformed.Add(1)
		return
	}
	fingerprint, _ := checkFingerprint(&e.message)
	r := request{
		fingerprint: fingerprint, method: e.message.Type.Method, id: e.message.TransactionID,
		key: key, from: p.from, reply: p.reply,
	}
	if code, reason := e.authenticate(&r, owner, now); code != 0 {
		e.challenge(&r, code, reason, now)
		return
	}
	if owner != nil && owner.username == r.username {
		r.client, r.local = owner.client, owner.local
	} else {
		r.client, r.local = net.UDPAddrFromAddrPort(key.from), net.UDPAddrFromAddrPort(key.local)
	}
	code, reason, unknown := e.authorise(&r, owner, now)
	if code != 0 {
		e.deny(&r, code, reason, unknown)
		return
	}
	r.ready = true
	e.request = r
}

// authenticate checks long-term credentials (RFC 8489 §9.2.4). It returns the
// code to answer with, or 0, and cuts the message down to what is protected.
func (e *endpoint) authenticate(r *request, owner *allocation, now time.Time) (stun.ErrorCode, Reason) {
	m, s := &e.message, e.server
	end := -1
	for i, attribute := range m.Attributes {
		if attribute.Type == stun.AttrMessageIntegrity {
			end = i
			break
		}
	}
	if end < 0 {
		return stun.CodeUnauthorized, reasonNone // everybody's first request
	}
	whole := m.Attributes
	username, errUser := m.Get(stun.AttrUsername)
	realm, errRealm := m.Get(stun.AttrRealm)
	nonce, errNonce := m.Get(stun.AttrNonce)
	if errUser != nil || errRealm != nil || errNonce != nil || len(username) > maxUsername {
		return stun.CodeBadRequest, ReasonBadRequest
	}
	if !s.nonces.valid(string(nonce), r.key.from, now) {
		return stun.CodeStaleNonce, ReasonStaleNonce
	}
	if string(realm) != s.config.Realm {
		return stun.CodeUnauthorized, ReasonCredentials
	}
	account, expires, ok := s.keys.open(string(username))
	if !ok {
		return stun.CodeUnauthorized, ReasonCredentials
	}
	if !now.Before(expires) {
		// Who has an allocation may keep it for as long again: a call does not
		// end because somebody's credentials did.
		kept := owner != nil && owner.username == string(username) && m.Type.Method != stun.MethodAllocate &&
			now.Before(expires.Add(s.config.CredentialLifetime))
		if !kept {
			return stun.CodeUnauthorized, ReasonExpired
		}
	}
	r.username, r.account = string(username), account
	r.secret = s.keys.longTermKey(r.username, s.config.Realm)
	if r.secret.Check(m) != nil {
		return stun.CodeUnauthorized, ReasonCredentials
	}
	if s.revoked(account, expires) {
		return stun.CodeUnauthorized, ReasonCredentials
	}
	m.Attributes = whole[:end] // RFC 8489 §14.5: what follows is not to be believed
	return 0, reasonNone
}

// challenge answers a request that is not authenticated. These answers go to
// whoever the packet claims to be from, so they are short and counted out.
func (e *endpoint) challenge(r *request, code stun.ErrorCode, reason Reason, now time.Time) {
	s := e.server
	s.refuse(reason)
	if !s.challenges.allow(r.from.Addr(), now) {
		s.count.limited.Add(1)
		s.refuse(ReasonRate)
		return
	}
	if reason == reasonNone {
		s.count.challenged.Add(1)
	} else {
		s.count.refused.Add(1)
	}
	setters := []stun.Setter{stun.ErrorCodeAttribute{Code: code}}
	if code != stun.CodeBadRequest {
		setters = append(setters, stun.NewNonce(s.nonces.issue(r.key.from, now)), stun.NewRealm(s.config.Realm))
	}
	e.reply(r, setters...)
}

// deny answers an authenticated request with an error, signed.
func (e *endpoint) deny(r *request, code stun.ErrorCode, reason Reason, unknown stun.UnknownAttributes) {
	s := e.server
	s.refuse(reason)
	s.count.refused.Add(1)
	s.trace(Event{
		Kind: Refused, Account: r.account, Client: r.key.from, Server: r.key.local, Transport: e.transport,
		Method: r.method.String(), Code: int(code), Reason: reason,
	})
	setters := []stun.Setter{stun.ErrorCodeAttribute{Code: code}}
	if len(unknown) > 0 {
		setters = append(setters, unknown)
	}
	e.reply(r, append(setters, r.secret)...)
}

func (e *endpoint) reply(r *request, setters ...stun.Setter) {
	m := new(stun.Message)
	m.TransactionID = r.id
	m.Type = stun.NewType(r.method, stun.ClassErrorResponse)
	m.WriteHeader()
	if r.fingerprint {
		setters = append(setters, stun.Fingerprint)
	}
	for _, setter := range setters {
		if setter.AddTo(m) != nil {
			return // none of ours fails
		}
	}
	if e.wire.send(m.Raw, r.from, r.reply) != nil {
		e.server.count.relayErrors.Add(1)
	}
}

// sign writes the request for the library: the attributes that were checked and
// no others, with the library's nonce, and the integrity made anew for it.
func (r *request) sign(nonce, realm string) []byte {
	m := new(stun.Message)
	m.TransactionID = r.id
	m.Type = stun.NewType(r.method, stun.ClassRequest)
	m.WriteHeader()
	for _, attribute := range r.attributes {
		m.Add(attribute.Type, attribute.Value)
	}
	if r.lifetime != nil {
		m.Add(stun.AttrLifetime, binary.BigEndian.AppendUint32(nil, *r.lifetime))
	}
	m.Add(stun.AttrUsername, []byte(r.username))
	m.Add(stun.AttrRealm, []byte(realm))
	m.Add(stun.AttrNonce, []byte(nonce))
	_ = r.secret.AddTo(m) // fails only after a FINGERPRINT
	return m.Raw
}
