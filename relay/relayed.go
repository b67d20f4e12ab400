package relay

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/pion/turn/v5"
)

var (
	errNoTCPRelay = errors.New("relay: TCP allocations (RFC 6062) are not served")
	errNoRequest  = errors.New("relay: no request asks for an allocation")
	errNoFamily   = errors.New("relay: no address of this family to relay from")
	errNoPort     = errors.New("relay: no free port in the range")
)

// portTries bounds the ports tried at random before the range is searched in
// order, and searchTries the ports on which a socket is tried in that search.
const (
	portTries   = 16
	searchTries = 256
)

// place is where an allocation of one family would live.
type place struct {
	bind   netip.Addr // of the socket; may be the wildcard
	public netip.Addr // told to the client
}

// placeFor chooses the address of a relayed transport address: the one the
// client spoke to where the family fits, else another of this host, and in each
// case the public address that stands for it.
func (s *Server) placeFor(v6 bool, local netip.Addr) (place, bool) {
	family := func(a netip.Addr) bool { return a.IsValid() && a.Is6() == v6 && !a.IsUnspecified() }
	if family(local) && !local.IsLinkLocalUnicast() {
		return place{bind: local, public: s.publicOf(local)}, true
	}
	for _, a := range s.served() {
		if family(a) && a.IsLoopback() == local.IsLoopback() {
			return place{bind: a, public: s.publicOf(a)}, true
		}
	}
	if local.IsLoopback() {
		loopback := netip.AddrFrom4([4]byte{127, 0, 0, 1})
		if v6 {
			loopback = netip.IPv6Loopback()
		}
		return place{bind: loopback, public: loopback}, s.own.has(loopback)
	}
	for _, m := range s.config.Public {
		if !m.Local.IsValid() && m.Public.Is6() == v6 {
			any := netip.IPv4Unspecified()
			if v6 {
				any = netip.IPv6Unspecified()
			}
			return place{bind: any, public: m.Public}, true
		}
	}
	if source := s.config.route(v6); family(source) && !source.IsLoopback() {
		return place{bind: source, public: s.publicOf(source)}, true
	}
	return place{}, false
}

// publicOf is the address under which the world knows a local one.
func (s *Server) publicOf(local netip.Addr) netip.Addr {
	found := local
	for _, m := range s.config.Public {
		if m.Local == local {
			return m.Public
		}
		if !m.Local.IsValid() && m.Public.Is6() == local.Is6() && !local.IsLoopback() {
			found = m.Public
		}
	}
	return found
}

// Validate implements turn.RelayAddressGenerator.
func (e *endpoint) Validate() error { return nil }

// AllocatePacketConn implements turn.RelayAddressGenerator: it opens the socket
// of the request that the endpoint has just handed to the library.
func (e *endpoint) AllocatePacketConn(asked turn.AllocateListenerConfig) (net.PacketConn, net.Addr, error) {
	r := &e.request
	if r.user == nil || r.client == nil {
		return nil, nil, errNoRequest
	}
	s := e.server
	at, ok := s.placeFor(asked.Network == "udp6", r.key.local.Addr())
	conn, err := net.PacketConn(nil), errNoFamily
	if ok {
		conn, err = s.openRelay(asked.Network, at.bind)
	}
	if err != nil {
		s.ledger.release(r.user)
		r.user = nil
		s.log.Warn("turn: no socket for a relayed address", "address", at.bind, "error", err)
		return nil, nil, err
	}
	bound := addrPortOf(conn.LocalAddr())
	a := &allocation{
		server: s, endpoint: e, user: r.user, username: r.username, key: r.key,
		client: r.client, local: r.local, since: time.Now(),
		conn: conn, relayed: netip.AddrPortFrom(at.public, bound.Port()), bound: bound,
	}
	a.udp, _ = conn.(*net.UDPConn)
	r.user = nil // the allocation's now
	s.own.add(at.public)
	s.running.Add(1)
	s.ledger.enter(a)
	e.keep(a)
	s.count.allocations.Add(1)
	s.trace(Event{
		Kind: Allocated, Account: a.user.name, Client: a.key.from, Server: a.key.local, Relayed: a.relayed,
		Transport: e.transport,
	})
	return a, net.UDPAddrFromAddrPort(a.relayed), nil
}

// AllocateListener and AllocateConn implement turn.RelayAddressGenerator; requests
// for them were refused before.
func (e *endpoint) AllocateListener(turn.AllocateListenerConfig) (net.Listener, net.Addr, error) {
	return nil, nil, errNoTCPRelay
}

func (e *endpoint) AllocateConn(turn.AllocateConnConfig) (net.Conn, error) {
	return nil, errNoTCPRelay
}

// openRelay opens a socket on a random port of the range (RFC 6056: nobody is to
// guess it), searching on from a random one when many are taken.
func (s *Server) openRelay(network string, bind netip.Addr) (net.PacketConn, error) {
	first, size := int(s.config.MinPort), int(s.config.MaxPort)-int(s.config.MinPort)+1
	var failed error
	try := func(port int) net.PacketConn {
		at := netip.AddrPortFrom(bind, uint16(port))
		if s.ledger.taken(at) {
			return nil
		}
		conn, err := s.config.ListenPacket(network, net.JoinHostPort(bind.String(), strconv.Itoa(port)))
		if err != nil {
			failed = err
			return nil
		}
		return conn
	}
	for range portTries {
		if conn := try(first + randomBelow(size)); conn != nil {
			return conn, nil
		}
	}
	tried := 0
	for i, start := 0, randomBelow(size); i < size && tried < searchTries; i++ {
		port := first + (start+i)%size
		if s.ledger.taken(netip.AddrPortFrom(bind, uint16(port))) {
			continue
		}
		tried++
		if conn := try(port); conn != nil {
			return conn, nil
		}
	}
	return nil, errors.Join(errNoPort, failed)
}

// randomBelow is uniform in [0, n), from the system's generator. n is at most
// 65536.
func randomBelow(n int) int {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return int(binary.BigEndian.Uint64(b[:]) % uint64(n))
}
