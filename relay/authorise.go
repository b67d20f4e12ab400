package relay

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/pion/stun/v4"
)

// authorise decides about an authenticated request. It returns the error code to
// answer with, why, and the attributes named by a 420; a code of 0 is yes, and
// then the request has the attributes the library needs.
func (e *endpoint) authorise(r *request, owner *allocation, now time.Time) (stun.ErrorCode, Reason, stun.UnknownAttributes) {
	if unknown := unservedRequired(&e.message); len(unknown) > 0 {
		return stun.CodeUnknownAttribute, ReasonUnknownAttribute, unknown
	}
	var code stun.ErrorCode
	var reason Reason
	switch {
	case r.method == stun.MethodAllocate:
		code, reason = e.authoriseAllocate(r, owner, now)
	case owner == nil:
		// RFC 8656 §5: there is no allocation to speak of.
		code, reason = codeMismatch, ReasonMismatch
	case owner.username != r.username:
		code, reason = codeWrongCredentials, ReasonMismatch
	case r.method == stun.MethodRefresh:
		code, reason = e.authoriseRefresh(r, owner)
	default:
		code, reason = e.authorisePeers(r, owner)
	}
	return code, reason, nil
}

// unservedRequired are the comprehension-required attributes that TURN requests
// may have and we do not know or do not serve (RFC 8489 §6.3.1).
func unservedRequired(m *stun.Message) stun.UnknownAttributes {
	var unknown stun.UnknownAttributes
	for _, attribute := range m.Attributes {
		switch attribute.Type {
		case stun.AttrRequestedTransport, stun.AttrLifetime, stun.AttrRequestedAddressFamily, stun.AttrEvenPort,
			stun.AttrReservationToken, stun.AttrXORPeerAddress, stun.AttrChannelNumber, stun.AttrData:
			continue
		}
		// DONT-FRAGMENT is among the rest: RFC 8656 §7.2 wants it named when the
		// bit can not be set.
		if attribute.Type.Required() && !understood(attribute.Type) && len(unknown) < maxUnknown {
			unknown = append(unknown, attribute.Type)
		}
	}
	return unknown
}

// authoriseAllocate follows RFC 8656 §7.2, and takes the quota.
func (e *endpoint) authoriseAllocate(r *request, owner *allocation, now time.Time) (stun.ErrorCode, Reason) {
	m, s := &e.message, e.server
	if owner != nil && owner.username != r.username {
		return codeMismatch, ReasonMismatch
	}
	transport, err := m.Get(stun.AttrRequestedTransport)
	switch {
	case err != nil || len(transport) != 4:
		return stun.CodeBadRequest, ReasonBadRequest
	case transport[0] != protocolUDP: // such as TCP (RFC 6062)
		return stun.CodeUnsupportedTransProto, ReasonTransport
	}
	even, token := m.Contains(stun.AttrEvenPort), m.Contains(stun.AttrReservationToken)
	switch {
	case token && (even || m.Contains(stun.AttrRequestedAddressFamily)):
		return stun.CodeBadRequest, ReasonBadRequest
	case even || token:
		// Pairs of ports, for RTP of long ago, are not reserved here.
		return stun.CodeInsufficientCapacity, ReasonCapacity
	}
	v6 := false
	if family, err := m.Get(stun.AttrRequestedAddressFamily); err == nil {
		switch {
		case len(family) != 4:
			return stun.CodeBadRequest, ReasonBadRequest
		case family[0] != 1 && family[0] != 2:
			return stun.CodeAddrFamilyNotSupported, ReasonFamily
		}
		v6 = family[0] == 2
		r.carry(stun.AttrRequestedAddressFamily, family)
	}
	if _, ok := s.placeFor(v6, r.key.local.Addr()); !ok {
		return stun.CodeAddrFamilyNotSupported, ReasonFamily
	}
	if !r.carryLifetime(m, false) {
		return stun.CodeBadRequest, ReasonBadRequest
	}
	r.carry(stun.AttrRequestedTransport, transport)
	if owner != nil {
		return 0, reasonNone // a repetition, or a mismatch: the library knows which
	}
	user, reason := s.ledger.acquire(r.account, now)
	switch reason {
	case ReasonQuota:
		return stun.CodeAllocQuotaReached, reason
	case ReasonCapacity:
		return stun.CodeInsufficientCapacity, reason
	}
	r.user = user
	return 0, reasonNone
}

// authoriseRefresh follows RFC 8656 §8.2.
func (e *endpoint) authoriseRefresh(r *request, owner *allocation) (stun.ErrorCode, Reason) {
	m := &e.message
	if family, err := m.Get(stun.AttrRequestedAddressFamily); err == nil {
		if len(family) != 4 {
			return stun.CodeBadRequest, ReasonBadRequest
		}
		if family[0] != familyOf(owner.relayed.Addr()) {
			return stun.CodePeerAddrFamilyMismatch, ReasonFamily
		}
	}
	if !r.carryLifetime(m, true) {
		return stun.CodeBadRequest, ReasonBadRequest
	}
	return 0, reasonNone
}

// authorisePeers follows RFC 8656 §10.2 (CreatePermission) and §12.2
// (ChannelBind): the addresses are judged before anything is installed.
func (e *endpoint) authorisePeers(r *request, owner *allocation) (stun.ErrorCode, Reason) {
	m, s := &e.message, e.server
	channel := uint16(0)
	if r.method == stun.MethodChannelBind {
		value, err := m.Get(stun.AttrChannelNumber)
		if err != nil || len(value) != 4 {
			return stun.CodeBadRequest, ReasonBadRequest
		}
		if channel = binary.BigEndian.Uint16(value); channel < firstChannel || channel > lastChannel {
			return stun.CodeBadRequest, ReasonBadRequest
		}
		r.carry(stun.AttrChannelNumber, value)
	}
	var peers []netip.AddrPort
	for _, attribute := range m.Attributes {
		if attribute.Type != stun.AttrXORPeerAddress {
			continue
		}
		peer, ok := peerOf(attribute.Value, m.TransactionID)
		if !ok || channel != 0 && (peer.Port() == 0 || len(peers) > 0) {
			return stun.CodeBadRequest, ReasonBadRequest
		}
		if channel == 0 {
			peer = netip.AddrPortFrom(peer.Addr(), 0) // permissions have no port
		}
		peers = append(peers, peer)
		r.carry(stun.AttrXORPeerAddress, attribute.Value)
	}
	if len(peers) == 0 {
		return stun.CodeBadRequest, ReasonBadRequest
	}
	for _, peer := range peers {
		if s.refusePeer(peer) != "" {
			return stun.CodeForbidden, ReasonAddress
		}
	}
	for _, peer := range peers {
		if familyOf(peer.Addr()) != familyOf(owner.relayed.Addr()) {
			return stun.CodePeerAddrFamilyMismatch, ReasonFamily
		}
	}
	if !owner.room(peers, channel, s.config.MaxPeers) {
		return stun.CodeInsufficientCapacity, ReasonCapacity
	}
	return 0, reasonNone
}

// familyOf is the family in the registry of STUN (RFC 8489 §14.1), which
// REQUESTED-ADDRESS-FAMILY uses too (RFC 6156 §4.1.1).
func familyOf(a netip.Addr) byte {
	if a.Unmap().Is4() {
		return 1
	}
	return 2
}

func (r *request) carry(kind stun.AttrType, value []byte) {
	r.attributes = append(r.attributes, stun.RawAttribute{Type: kind, Length: uint16(len(value)), Value: value})
}

// carryLifetime carries LIFETIME within our bounds. Where nothing is asked for,
// the library's default is ours. It reports false when the attribute is broken.
func (r *request) carryLifetime(m *stun.Message, refresh bool) bool {
	value, err := m.Get(stun.AttrLifetime)
	if err != nil {
		return true
	}
	if len(value) != 4 {
		return false
	}
	seconds := binary.BigEndian.Uint32(value)
	if seconds != 0 || !refresh { // 0 ends an allocation (RFC 8656 §8.2)
		seconds = max(minLifetime, min(maxLifetime, seconds))
	}
	r.lifetime = &seconds
	return true
}

// refusePeer asks the policy about a peer, with what lives here at the moment.
func (s *Server) refusePeer(peer netip.AddrPort) string {
	return s.policy.refuse(peer, s.around)
}
