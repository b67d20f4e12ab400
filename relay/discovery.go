package relay

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/pion/stun/v4"
)

// Sockets are the UDP sockets of NAT behaviour discovery (RFC 5780 §3): the same
// addresses at two ports.
//
// With two addresses of a family, OTHER-ADDRESS names the other address and the
// other port, and every CHANGE-REQUEST is served. With one, OTHER-ADDRESS names
// the same address with the other port, a request to change the port is served,
// and one to change the address is refused with error 420 naming CHANGE-REQUEST,
// as RFC 5780 §6.1 says for a server without another address: a client then
// knows that it can not tell.
type Sockets struct {
	// Primary are the sockets at the well-known port, one for each address or
	// one at the wildcard address, or several of either with SO_REUSEPORT. They
	// also relay, unless STUNOnly.
	Primary []net.PacketConn

	// Other are sockets at another port, each for the address of one of the
	// primary ones or at the wildcard. They answer Binding requests only.
	Other []net.PacketConn

	// Addresses are addresses of this host that sockets at the wildcard may
	// answer from. Two of a family make full discovery possible. Not needed
	// where sockets are bound to addresses.
	Addresses []netip.Addr

	// STUNOnly keeps TURN off these sockets.
	STUNOnly bool
}

// discovery is what a set of sockets can do together. Immutable.
type discovery struct {
	sockets   [2][]*socket // at the primary and at the other port
	ports     [2]uint16
	addresses []netip.Addr
	public    func(netip.Addr) netip.Addr
}

// ServeSockets serves the sockets until one of them fails or Close is called,
// which returns ErrClosed. It owns the sockets from now on, also when it fails.
func (s *Server) ServeSockets(set Sockets) error {
	all := slices.Concat(set.Primary, set.Other)
	d, endpoints, err := s.newDiscovery(set)
	if err != nil {
		for _, conn := range all {
			_ = conn.Close()
		}
		return err
	}
	tracked := 0
	for i, e := range endpoints {
		e.discovery = d
		if !s.track(all[i]) {
			break
		}
		tracked++
	}
	if tracked < len(all) { // closed meanwhile
		for i, conn := range all {
			if i < tracked {
				s.untrack(conn)
			} else {
				_ = conn.Close()
			}
		}
		return ErrClosed
	}
	ended := make(chan error, len(endpoints))
	for i, e := range endpoints {
		go func() {
			defer s.untrack(all[i])
			ended <- s.run(e)
		}()
	}
	err = <-ended
	for _, conn := range all { // the rest makes no sense without it
		_ = conn.Close()
	}
	for range len(endpoints) - 1 {
		<-ended
	}
	return err
}

func (s *Server) newDiscovery(set Sockets) (*discovery, []*endpoint, error) {
	if len(set.Primary) == 0 || len(set.Other) == 0 {
		return nil, nil, errors.New("relay: discovery needs sockets at two ports")
	}
	d := &discovery{public: s.publicOf}
	for _, a := range set.Addresses {
		d.addAddress(a.Unmap())
	}
	var endpoints []*endpoint
	for i, conns := range [][]net.PacketConn{set.Primary, set.Other} {
		for _, conn := range conns {
			k := newSocket(conn)
			switch port := k.local.Port(); d.ports[i] {
			case 0, port:
				d.ports[i] = port
			default:
				return nil, nil, fmt.Errorf("relay: sockets at ports %d and %d where one is wanted", d.ports[i], port)
			}
			if !k.local.Addr().IsUnspecified() {
				d.addAddress(k.local.Addr())
			}
			d.sockets[i] = append(d.sockets[i], k)
			e := s.newEndpoint(&udpWire{server: s, socket: k}, "udp", i == 0 && !set.STUNOnly)
			e.second = i == 1
			endpoints = append(endpoints, e)
		}
	}
	if d.ports[0] == d.ports[1] {
		return nil, nil, fmt.Errorf("relay: discovery needs two ports, not port %d twice", d.ports[0])
	}
	return d, endpoints, nil
}

func (d *discovery) addAddress(a netip.Addr) {
	if a.IsValid() && !a.IsUnspecified() && !slices.Contains(d.addresses, a) {
		d.addresses = append(d.addresses, a)
	}
}

// partner is the other address of one: the next of its family.
func (d *discovery) partner(local netip.Addr) (netip.Addr, bool) {
	var same []netip.Addr
	at := -1
	for _, a := range d.addresses {
		if a.Is4() != local.Is4() {
			continue
		}
		if a == local {
			at = len(same)
		}
		same = append(same, a)
	}
	if len(same) == 0 || len(same) == 1 && at == 0 {
		return netip.Addr{}, false
	}
	return same[(at+1)%len(same)], true
}

// leaving is how one answer leaves.
type leaving struct {
	socket *socket // nil: the socket that was asked
	local  netip.AddrPort
}

// turnTo finds the socket and the address that an answer to a request at local
// leaves from. It reports false for what can not be served.
func (d *discovery) turnTo(local netip.Addr, second, changeAddress, changePort bool) (leaving, bool) {
	at := local
	if changeAddress {
		other, ok := netip.Addr{}, false
		if local.IsValid() {
			other, ok = d.partner(local)
		}
		if !ok {
			return leaving{}, false
		}
		at = other
	}
	port := 0
	if second != changePort {
		port = 1
	}
	if !changeAddress && !changePort {
		return leaving{local: netip.AddrPortFrom(at, d.ports[port])}, true
	}
	for _, k := range d.sockets[port] {
		if k.sendsFrom(at) {
			return leaving{socket: k, local: netip.AddrPortFrom(at, d.ports[port])}, true
		}
	}
	return leaving{}, false
}

// other is the value of OTHER-ADDRESS in answers to requests at local.
func (d *discovery) other(local netip.Addr, second bool) netip.AddrPort {
	if !local.IsValid() {
		return netip.AddrPort{}
	}
	if partner, ok := d.partner(local); ok {
		if _, ok = d.turnTo(local, second, true, true); ok {
			local = partner
		}
	}
	port := d.ports[1]
	if second {
		port = d.ports[0]
	}
	return netip.AddrPortFrom(d.public(local), port)
}

// Flags of CHANGE-REQUEST (RFC 5780 §7.2).
const (
	changePortFlag    = 0x02
	changeAddressFlag = 0x04
)

// changeRequest reads CHANGE-REQUEST.
func changeRequest(m *stun.Message) (address, port, present, ok bool) {
	value, err := m.Get(stun.AttrChangeRequest)
	if err != nil {
		return false, false, false, true
	}
	if len(value) != 4 {
		return false, false, true, false
	}
	flags := binary.BigEndian.Uint32(value)
	return flags&changeAddressFlag != 0, flags&changePortFlag != 0, true, true
}

// addPlain adds an address attribute that is not masked, as RFC 5780 §7.3 and
// §7.4 have them.
func addPlain(m *stun.Message, kind stun.AttrType, at netip.AddrPort) {
	var value [20]byte
	address := at.Addr().Unmap()
	value[1] = familyOf(address)
	binary.BigEndian.PutUint16(value[2:], at.Port())
	m.Add(kind, value[:4+copy(value[4:], address.AsSlice())])
}
