package datachannel

import (
	"net"
	"net/netip"
	"slices"
	"strconv"

	"godwit/peer"
	"godwit/udpmux"
	"godwit/xep/icetransport"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"
)

const (
	maxHosts   = 12 // host candidates that are told at once
	maxOffered = 24 // candidates that are told in the life of a session
	maxRemote  = 24 // candidates of the peer that are checked
)

// candidates numbers and ranks the addresses told in one session.
type candidates struct {
	allowed peer.Addresses
	count   int
	given   []netip.AddrPort
}

// list makes candidates of addresses of one kind, where they may be shown.
func (c *candidates) list(kind icetransport.Kind, addresses ...netip.AddrPort) []icetransport.Candidate {
	if !c.allowed.Allows(string(kind)) {
		return nil
	}
	var list []icetransport.Candidate
	for _, address := range addresses {
		if slices.Contains(c.given, address) || c.count >= maxOffered {
			continue // redundant, RFC 8445 §5.1.3
		}
		c.given = append(c.given, address)
		c.count++
		list = append(list, icetransport.Candidate{
			Component: 1, Foundation: foundation(kind, address), ID: strconv.Itoa(c.count),
			Address: address, Priority: priority(kind, address, c.count), Protocol: "udp", Kind: kind,
		})
	}
	return list
}

// priority follows RFC 8445 §5.1.2.1; within a type IPv6 comes first (RFC 8421
// §4), then what was listed first.
func priority(kind icetransport.Kind, address netip.AddrPort, index int) uint32 {
	preference := map[icetransport.Kind]uint32{icetransport.Host: 126, icetransport.ServerReflexive: 100}[kind]
	local := uint32(32767)
	if address.Addr().Is6() {
		local = 65535
	}
	return preference<<24 + (local-uint32(min(index, 1000)))<<8 + 255
}

// foundation is equal for candidates of the same type and family (RFC 8445
// §5.1.1.3).
func foundation(kind icetransport.Kind, address netip.AddrPort) string {
	family := "4"
	if address.Addr().Is6() {
		family = "6"
	}
	return string(kind[0]) + family
}

var kinds = map[icetransport.Kind]webrtc.ICECandidateType{
	icetransport.Host: webrtc.ICECandidateTypeHost, icetransport.ServerReflexive: webrtc.ICECandidateTypeSrflx,
	icetransport.PeerReflexive: webrtc.ICECandidateTypePrflx, icetransport.Relayed: webrtc.ICECandidateTypeRelay,
}

// remoteCandidate translates a candidate of the peer.
func remoteCandidate(c icetransport.Candidate) *webrtc.ICECandidate {
	r := &webrtc.ICECandidate{
		Foundation: c.Foundation, Priority: c.Priority, Address: c.Address.Addr().String(), Port: c.Address.Port(),
		Protocol: webrtc.ICEProtocolUDP, Typ: kinds[c.Kind], Component: c.Component,
	}
	if c.Kind != icetransport.Host {
		r.RelatedAddress, r.RelatedPort = "0.0.0.0", 9
	}
	return r
}

// acceptable tells addresses that a check may be sent to. A peer could name any
// address; those that lead to this machine or to groups are none of its business.
func acceptable(a netip.Addr, loopback bool) bool {
	switch {
	case !a.IsValid(), a.IsUnspecified(), a.IsMulticast(), a.IsLinkLocalUnicast():
		return false
	case a.Is4() && a.As4() == [4]byte{255, 255, 255, 255}:
		return false
	case a.IsLoopback():
		return loopback
	}
	return true
}

func addressOf(c *webrtc.ICECandidate) (netip.AddrPort, bool) {
	address, err := netip.ParseAddr(c.Address)
	if err != nil || c.Port == 0 {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(address.Unmap(), c.Port), true
}

// iceMux shows the shared socket to ICE agents. Data goes the way of the checks.
type iceMux struct {
	mux      *udpmux.Mux
	loopback bool
}

var _ ice.UDPMux = (*iceMux)(nil)

// GetListenAddresses tells what to make host candidates of: one for each IP
// family, because all addresses are the one socket.
func (m *iceMux) GetListenAddresses() []net.Addr {
	hosts, err := m.mux.LocalAddresses(m.loopback)
	if err != nil {
		return nil
	}
	var chosen []net.Addr
	for _, four := range []bool{true, false} {
		if i := slices.IndexFunc(hosts, func(h netip.AddrPort) bool { return h.Addr().Is4() == four }); i >= 0 {
			chosen = append(chosen, net.UDPAddrFromAddrPort(hosts[i]))
		}
	}
	return chosen
}

// RemoveConnByUfrag ends what GetConn gave.
func (m *iceMux) RemoveConnByUfrag(fragment string) { m.mux.Drop(fragment) }

// Close does nothing: the socket outlives its agents.
func (m *iceMux) Close() error { return nil }

// GetConn gives an agent its part of the socket.
func (m *iceMux) GetConn(fragment string, address net.Addr) (net.PacketConn, error) {
	udp, ok := address.(*net.UDPAddr)
	if !ok {
		return nil, net.UnknownNetworkError(address.Network())
	}
	local := udp.AddrPort()
	conn, err := m.mux.Family(fragment, netip.AddrPortFrom(local.Addr().Unmap(), local.Port()))
	if err != nil {
		return nil, err
	}
	conn.CarryDTLS()
	return conn, nil
}
