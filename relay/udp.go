package relay

import (
	"errors"
	"net"
	"net/netip"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// ServeUDP answers Binding requests on the socket (RFC 8489 §6.2.1), and relays
// over it if the server has a secret (RFC 8656), until it fails or Close is
// called, which returns ErrClosed. It owns the socket from now on. A *net.UDPConn
// bound to the wildcard address answers from the very address that was asked, as
// §6.3.1.1 wants, also on a host with several.
//
// Several sockets with SO_REUSEPORT on one port share the work: the system gives
// all packets of one client to one of them.
func (s *Server) ServeUDP(conn net.PacketConn) error { return s.serveUDP(conn, true) }

// ServeSTUN is ServeUDP for a socket that is not to relay.
func (s *Server) ServeSTUN(conn net.PacketConn) error { return s.serveUDP(conn, false) }

func (s *Server) serveUDP(conn net.PacketConn, relays bool) error {
	if !s.track(conn) {
		return ErrClosed
	}
	defer s.untrack(conn)
	return s.run(s.newEndpoint(&udpWire{server: s, socket: newSocket(conn)}, "udp", relays))
}

// run serves one UDP endpoint until its socket ends.
func (s *Server) run(e *endpoint) error {
	socket := e.wire.(*udpWire).socket
	s.listen(socket.local)
	defer s.unlisten(socket.local)
	if e.turn {
		if err := e.start(); err != nil {
			return err
		}
		<-e.done
		return e.ended
	}
	buffer := make([]byte, maxMessage+1) // one more than accepted, so that too long shows
	for {
		if _, _, err := e.ReadFrom(buffer); err != nil {
			return err
		}
	}
}

// udpWire is a UDP socket as a wire.
type udpWire struct {
	server *Server
	socket *socket
}

// next implements wire. It fails only when the socket is closed.
func (w *udpWire) next(b []byte) (packet, error) {
	s := w.server
	pause := time.Millisecond
	for {
		n, from, reply, err := w.socket.read(b)
		if err != nil {
			if s.isClosed() {
				return packet{}, ErrClosed
			}
			if errors.Is(err, net.ErrClosed) {
				return packet{}, err
			}
			// Such as ICMP errors and exhausted buffers: they pass.
			s.log.Warn("stun: reading a packet", "address", w.socket.conn.LocalAddr(), "error", err)
			time.Sleep(pause)
			pause = min(2*pause, time.Second)
			continue
		}
		pause = time.Millisecond
		// A reply to port 0 can only be meant to do harm.
		if from.Port() == 0 {
			s.count.requests.Add(1)
			s.count.malformed.Add(1)
			continue
		}
		local := w.socket.local
		if reply.local.IsValid() {
			local = netip.AddrPortFrom(reply.local, local.Port())
		} else if local.Addr().IsUnspecified() {
			local = netip.AddrPortFrom(netip.Addr{}, local.Port())
		}
		return packet{data: b[:n], from: from, local: local, reply: reply}, nil
	}
}

func (w *udpWire) send(data []byte, to netip.AddrPort, reply route) error {
	return w.socket.write(data, to, reply)
}

func (w *udpWire) relaying(bool) {}

func (w *udpWire) close() error { return w.socket.conn.Close() }

// socket reads and writes datagrams, remembering the local address each came to
// where the platform tells.
type socket struct {
	conn    net.PacketConn
	udp     *net.UDPConn // nil for other kinds of net.PacketConn
	local   netip.AddrPort
	control []byte
}

// sendsFrom reports whether the socket can send from the address.
func (s *socket) sendsFrom(a netip.Addr) bool {
	switch bound := s.local.Addr(); {
	case !a.IsValid():
		return bound.IsUnspecified()
	case bound.IsUnspecified():
		// The IPv6 wildcard takes IPv4 too unless the system forbids it, which
		// shows as a packet that is not sent: the request is repeated and fails.
		return bound.Is6() || a.Is4()
	default:
		return bound == a
	}
}

// route is what a reply must carry to leave from the address that was asked.
type route struct {
	local netip.Addr
	iface int
	peer  net.Addr // for a net.PacketConn that is not a *net.UDPConn
}

func newSocket(conn net.PacketConn) *socket {
	s := &socket{conn: conn, local: addrPortOf(conn.LocalAddr())}
	udp, ok := conn.(*net.UDPConn)
	if !ok {
		return s
	}
	s.udp = udp
	if local, ok := udp.LocalAddr().(*net.UDPAddr); ok && local.IP.IsUnspecified() {
		// One of the two fails on a socket of the other family; where both do,
		// the kernel picks the source, which is right on hosts with one address.
		_ = ipv4.NewPacketConn(udp).SetControlMessage(ipv4.FlagDst|ipv4.FlagInterface, true)
		_ = ipv6.NewPacketConn(udp).SetControlMessage(ipv6.FlagDst|ipv6.FlagInterface, true)
		s.control = make([]byte, 256)
	}
	return s
}

func (s *socket) read(buffer []byte) (int, netip.AddrPort, route, error) {
	if s.udp == nil {
		n, peer, err := s.conn.ReadFrom(buffer)
		if err != nil {
			return 0, netip.AddrPort{}, route{}, err
		}
		var from netip.AddrPort
		if address, ok := peer.(*net.UDPAddr); ok {
			from = address.AddrPort()
		} else if from, err = netip.ParseAddrPort(peer.String()); err != nil {
			return 0, netip.AddrPort{}, route{}, nil // no address, no answer
		}
		return n, from, route{peer: peer}, nil
	}
	n, controls, _, from, err := s.udp.ReadMsgUDPAddrPort(buffer, s.control)
	if err != nil {
		return 0, netip.AddrPort{}, route{}, err
	}
	return n, from, parseRoute(s.control[:controls]), nil
}

func (s *socket) write(data []byte, to netip.AddrPort, reply route) error {
	if s.udp == nil {
		_, err := s.conn.WriteTo(data, reply.peer)
		return err
	}
	_, _, err := s.udp.WriteMsgUDPAddrPort(data, reply.control(), to)
	return err
}

// parseRoute reads IP_PKTINFO or IPV6_PKTINFO (RFC 3542 §6.1).
func parseRoute(control []byte) route {
	if len(control) == 0 {
		return route{}
	}
	var six ipv6.ControlMessage
	if six.Parse(control) == nil && six.Dst != nil {
		return newRoute(six.Dst, six.IfIndex)
	}
	var four ipv4.ControlMessage
	if four.Parse(control) == nil && four.Dst != nil {
		return newRoute(four.Dst, four.IfIndex)
	}
	return route{}
}

func newRoute(ip net.IP, index int) route {
	address, ok := netip.AddrFromSlice(ip)
	if !ok || address.IsMulticast() || address.IsUnspecified() {
		return route{}
	}
	return route{local: address.Unmap(), iface: index}
}

func (r route) control() []byte {
	switch {
	case r.local.Is4():
		return (&ipv4.ControlMessage{Src: r.local.AsSlice()}).Marshal()
	case r.local.Is6():
		message := ipv6.ControlMessage{Src: r.local.AsSlice()}
		if r.local.IsLinkLocalUnicast() {
			message.IfIndex = r.iface
		}
		return message.Marshal()
	}
	return nil
}
