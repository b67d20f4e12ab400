package relay

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// maxDatagram is the longest payload relayed; the library's buffers hold no
// more. Longer ones are dropped and counted, never cut.
const maxDatagram = 1500

// allocation is one relayed transport address (RFC 8656 §2.2): the socket peers
// speak to, with the checks that every datagram passes in either direction. It is
// the net.PacketConn that the library relays with, and it lives as long as the
// library's allocation: Close ends it and gives everything back.
type allocation struct {
	server   *Server
	endpoint *endpoint
	user     *user
	username string // who made it; requests for it must come from the same (RFC 8656 §5)
	key      clientKey
	client   *net.UDPAddr // the client as the library knows it
	local    *net.UDPAddr // and the server's side of the 5-tuple
	since    time.Time

	conn    net.PacketConn
	udp     *net.UDPConn   // the same, where it is one
	relayed netip.AddrPort // as told to the client
	bound   netip.AddrPort // of the socket

	bytesIn, bytesOut atomic.Uint64 // payload from peers, to peers

	lastPeer *net.UDPAddr // owned by the reader: what the last datagram came from

	mu          sync.Mutex // leaf
	closed      bool
	permissions map[netip.Addr]struct{}
	channels    map[uint16]netip.AddrPort
	spent       bucket // control requests
}

// ReadFrom returns the next datagram a peer sent that may be relayed. The
// library reads it and drops it when the client gave no permission.
func (a *allocation) ReadFrom(b []byte) (int, net.Addr, error) {
	pause := time.Millisecond
	for {
		n, from, err := a.read(b)
		if err != nil {
			if errors.Is(err, net.ErrClosed) || a.isClosed() {
				return 0, nil, err
			}
			// Such as a port unreachable on systems that report it here.
			a.server.count.relayErrors.Add(1)
			time.Sleep(pause)
			pause = min(2*pause, time.Second)
			continue
		}
		pause = time.Millisecond
		if n > maxDatagram {
			a.server.refuse(ReasonOversize)
			continue
		}
		if sender := a.server.ledger.sender(from, a.server.own.has); sender != nil {
			from = sender.relayed // two clients of this relay: the peer is who it says it is
		}
		if !a.user.in.take(n, time.Now()) {
			a.server.refuse(ReasonBandwidth)
			continue
		}
		a.bytesIn.Add(uint64(n))
		a.server.count.bytesIn.Add(uint64(n))
		a.server.count.packetsIn.Add(1)
		if a.lastPeer == nil || a.lastPeer.AddrPort() != from {
			a.lastPeer = net.UDPAddrFromAddrPort(from)
		}
		return n, a.lastPeer, nil
	}
}

func (a *allocation) read(b []byte) (int, netip.AddrPort, error) {
	if a.udp != nil {
		n, from, err := a.udp.ReadFromUDPAddrPort(b)
		return n, netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), err
	}
	n, peer, err := a.conn.ReadFrom(b)
	if err != nil {
		return 0, netip.AddrPort{}, err
	}
	return n, addrPortOf(peer), nil
}

// WriteTo sends to a peer what the client gave a permission for. A datagram that
// may not be sent counts as sent, as one lost on the way would.
func (a *allocation) WriteTo(b []byte, to net.Addr) (int, error) {
	peer := addrPortOf(to)
	s := a.server
	if len(b) > maxDatagram {
		s.refuse(ReasonOversize)
		return len(b), nil
	}
	if peer.Port() == 0 || peer.Addr().Is4() != a.relayed.Addr().Is4() || s.refusePeer(peer) != "" {
		s.refuse(ReasonAddress)
		return len(b), nil
	}
	if !a.user.out.take(len(b), time.Now()) {
		s.refuse(ReasonBandwidth)
		return len(b), nil
	}
	if other := s.ledger.at(peer); other != nil {
		peer = other.reach(a) // straight, without the router that translates for us
	}
	a.bytesOut.Add(uint64(len(b)))
	s.count.bytesOut.Add(uint64(len(b)))
	s.count.packetsOut.Add(1)
	if err := a.write(b, peer); err != nil {
		s.count.relayErrors.Add(1)
	}
	return len(b), nil
}

func (a *allocation) write(b []byte, peer netip.AddrPort) error {
	var err error
	if a.udp != nil {
		_, err = a.udp.WriteToUDPAddrPort(b, peer)
	} else {
		_, err = a.conn.WriteTo(b, net.UDPAddrFromAddrPort(peer))
	}
	return err
}

// reach is the address at which another allocation's socket reaches this one.
func (a *allocation) reach(from *allocation) netip.AddrPort {
	if !a.bound.Addr().IsUnspecified() {
		return a.bound
	}
	address := from.bound.Addr()
	if address.IsUnspecified() {
		address = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		if a.bound.Addr().Is6() {
			address = netip.IPv6Loopback()
		}
	}
	return netip.AddrPortFrom(address, a.bound.Port())
}

// Close ends the allocation. The library calls it; calls after the first do
// nothing.
func (a *allocation) Close() error {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return nil
	}
	a.closed = true
	a.mu.Unlock()
	_ = a.conn.Close()
	a.endpoint.drop(a)
	s := a.server
	s.ledger.leave(a)
	s.ledger.release(a.user)
	s.trace(Event{
		Kind: Deallocated, Account: a.user.name, Client: a.key.from, Server: a.key.local, Relayed: a.relayed,
		Transport: a.endpoint.transport, BytesIn: a.bytesIn.Load(), BytesOut: a.bytesOut.Load(), Lived: time.Since(a.since),
	})
	s.running.Done()
	return nil
}

func (a *allocation) isClosed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.closed
}

// LocalAddr, SetDeadline, SetReadDeadline and SetWriteDeadline complete net.PacketConn.
func (a *allocation) LocalAddr() net.Addr                { return a.conn.LocalAddr() }
func (a *allocation) SetDeadline(t time.Time) error      { return a.conn.SetDeadline(t) }
func (a *allocation) SetReadDeadline(t time.Time) error  { return a.conn.SetReadDeadline(t) }
func (a *allocation) SetWriteDeadline(t time.Time) error { return a.conn.SetWriteDeadline(t) }

// permitted and unpermitted follow what the library has installed.
func (a *allocation) permitted(peer netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.permissions == nil {
		a.permissions = make(map[netip.Addr]struct{})
	}
	a.permissions[peer] = struct{}{}
}

func (a *allocation) unpermitted(peer netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.permissions, peer)
}

func (a *allocation) channelBound(number uint16, peer netip.AddrPort) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.channels == nil {
		a.channels = make(map[uint16]netip.AddrPort)
	}
	a.channels[number] = peer
}

func (a *allocation) channelEnded(number uint16) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.channels, number)
}

// room reports whether permissions for these peers, and a channel unless number
// is 0, fit into the allocation's bounds.
func (a *allocation) room(peers []netip.AddrPort, number uint16, limit int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	fresh := make(map[netip.Addr]struct{}, len(peers))
	for _, peer := range peers {
		if _, has := a.permissions[peer.Addr()]; !has {
			fresh[peer.Addr()] = struct{}{}
		}
	}
	if len(a.permissions)+len(fresh) > limit {
		return false
	}
	if _, has := a.channels[number]; number != 0 && !has && len(a.channels) >= limit {
		return false
	}
	return true
}

// allow bounds the control requests of one allocation, so that a client that
// shares its address with many others has its own share.
func (a *allocation) allow(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	const rate, burst = 50, 250
	if a.spent.at.IsZero() {
		a.spent = bucket{tokens: burst, at: now}
	}
	if elapsed := now.Sub(a.spent.at).Seconds(); elapsed > 0 {
		a.spent.tokens = min(burst, a.spent.tokens+elapsed*rate)
		a.spent.at = now
	}
	if a.spent.tokens < 1 {
		return false
	}
	a.spent.tokens--
	return true
}

// addrPortOf is the transport address in the form used throughout: IPv4 is
// IPv4 in whatever form it came. Not valid for what is neither UDP nor TCP.
func addrPortOf(a net.Addr) netip.AddrPort {
	var at netip.AddrPort
	switch a := a.(type) {
	case *net.UDPAddr:
		at = a.AddrPort()
	case *net.TCPAddr:
		at = a.AddrPort()
	case nil:
		return netip.AddrPort{}
	default:
		parsed, err := netip.ParseAddrPort(a.String())
		if err != nil {
			return netip.AddrPort{}
		}
		at = parsed
	}
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}
