package udpmux

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"

	"github.com/quic-go/quic-go"
)

// ErrClosed is returned by everything on a closed Mux.
var ErrClosed = fmt.Errorf("udpmux: %w", net.ErrClosed)

// BufferSize is what the kernel is asked to hold in each direction, in bytes.
// It is best effort: an ordinary user often gets less.
const BufferSize = 4 << 20

// Config says which socket to open. The zero value listens on a free port of
// every address, IPv4 and IPv6.
type Config struct {
	// Address to bind; the zero value is the wildcard with a free port.
	Address netip.AddrPort
	// Logger receives start-up facts and unexpected errors, never a line per
	// packet. Nil means silence.
	Logger *slog.Logger
	// Firewall, if not nil, is asked about every datagram that arrives and says
	// whether it is let in; the rest is as if the network had lost it. Called by
	// the reading goroutine.
	Firewall func(from netip.AddrPort) bool
}

// Stats are totals since the socket was opened.
type Stats struct {
	STUN, DTLS, TURNChannel, QUIC uint64 // packets received, by kind
	Unknown                       uint64 // dropped: no kind we know
	Refused                       uint64 // dropped: QUIC from an address not let in
	Unclaimed                     uint64 // dropped: nobody waits for this STUN or DTLS message
	Overflow                      uint64 // dropped: the owner does not keep up
	ReceiveBuffer, SendBuffer     int    // bytes granted by the kernel; 0 when unknown
}

// Handler takes a datagram of a registered kind. It is called by the reading
// goroutine: it must not block, and must copy what it keeps.
type Handler func(packet []byte, from netip.AddrPort)

// Mux is one shared socket. Safe for concurrent use.
//
// The reading goroutine belongs to the QUIC transport; everything it looks up
// (conns, transactions, allowed sources, handlers) is leaf data under mu.
type Mux struct {
	socket    net.PacketConn
	kernel    *net.UDPConn // socket, where it is one of the kernel's
	local     netip.AddrPort
	log       *slog.Logger
	firewall  func(netip.AddrPort) bool // nil lets all in
	transport *quic.Transport

	mu           sync.RWMutex
	closed       bool
	conns        map[connKey]*Conn
	transactions transactions
	allowed      map[netip.AddrPort]int // reference counts
	turn         map[netip.AddrPort]Handler
	dtls         map[netip.AddrPort]*Conn // by proven source
	dtlsHandler  Handler

	count struct {
		kinds                        [QUIC + 1]atomic.Uint64
		refused, unclaimed, overflow atomic.Uint64
	}
	receiveBuffer, sendBuffer int
}

// Listen opens the socket and starts reading. Close ends it.
func Listen(config Config) (*Mux, error) {
	var address *net.UDPAddr
	if config.Address.IsValid() {
		address = net.UDPAddrFromAddrPort(config.Address)
	}
	network := "udp"
	if config.Address.Addr().Is4() {
		network = "udp4" // 0.0.0.0 must not become dual-stack
	}
	socket, err := net.ListenUDP(network, address)
	if err != nil {
		return nil, fmt.Errorf("udpmux: %w", err)
	}
	return Over(socket, config)
}

// Over shares a socket that is open already, and owns it from now on: the
// kernel's, one on a TURN server (package peer/allocation), or a simulated one.
// Its local and remote addresses must be *net.UDPAddr. Config.Address is not
// looked at. On an error the socket is closed.
//
// Only a *net.UDPConn is read in batches and written with segmentation offload.
func Over(socket net.PacketConn, config Config) (*Mux, error) {
	local, ok := addrPort(socket.LocalAddr())
	if !ok {
		_ = socket.Close()
		return nil, fmt.Errorf("udpmux: not a socket for datagrams: %v", socket.LocalAddr())
	}
	logger := config.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	m := &Mux{
		socket: socket, local: canonical(local),
		log: logger, firewall: config.Firewall,
		conns:   make(map[connKey]*Conn),
		allowed: make(map[netip.AddrPort]int),
		turn:    make(map[netip.AddrPort]Handler),
		dtls:    make(map[netip.AddrPort]*Conn),
	}
	m.kernel, _ = socket.(*net.UDPConn)
	if m.kernel != nil {
		m.enlarge()
	}
	m.startTransport()
	return m, nil
}

// enlarge asks for larger buffers. Failure leaves the kernel's default, which
// works, only less well.
func (m *Mux) enlarge() {
	_ = m.kernel.SetReadBuffer(BufferSize)
	_ = m.kernel.SetWriteBuffer(BufferSize)
	m.receiveBuffer, m.sendBuffer = bufferSizes(m.kernel)
	if m.receiveBuffer > 0 && m.receiveBuffer < BufferSize {
		m.log.Debug("udpmux: smaller receive buffer than asked for; fast transfers may lose packets",
			"asked", BufferSize, "granted", m.receiveBuffer)
	}
}

// startTransport hands the socket to QUIC, whose goroutine reads it from now on.
func (m *Mux) startTransport() {
	// quic-go wants 7 MB and otherwise complains on standard error by itself;
	// the fact is in Stats and in our log instead.
	const quiet = "QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING"
	if _, set := os.LookupEnv(quiet); !set {
		_ = os.Setenv(quiet, "true")
	}
	m.transport = &quic.Transport{
		Conn: m.filtered(),
		// Long enough that ids of many connections never collide and cannot be
		// guessed by somebody off the path.
		ConnectionIDLength: 8,
		// Version negotiation would answer strangers; both ends speak version 1.
		DisableVersionNegotiationPackets: true,
	}
	// The transport starts reading with its first use. This use reads nothing:
	// packets that are not QUIC never reach the transport.
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	_, _, _ = m.transport.ReadNonQUICPacket(cancelled, nil)
}

// QUIC is the transport on this socket, for Listen and Dial. Only packets from
// addresses admitted with Allow reach it. It must not be closed by its users.
func (m *Mux) QUIC() *quic.Transport { return m.transport }

// LocalAddr is the address the socket is bound to; the wildcard where none was
// asked for.
func (m *Mux) LocalAddr() netip.AddrPort { return m.local }

// Stats returns the totals so far.
func (m *Mux) Stats() Stats {
	return Stats{
		STUN: m.count.kinds[STUN].Load(), DTLS: m.count.kinds[DTLS].Load(),
		TURNChannel: m.count.kinds[TURNChannel].Load(), QUIC: m.count.kinds[QUIC].Load(),
		Unknown: m.count.kinds[Unknown].Load(), Refused: m.count.refused.Load(),
		Unclaimed: m.count.unclaimed.Load(), Overflow: m.count.overflow.Load(),
		ReceiveBuffer: m.receiveBuffer, SendBuffer: m.sendBuffer,
	}
}

// Close closes the socket, every Conn and every QUIC connection on it, and
// returns when the reading goroutine has ended. Connections are cut without a
// word: end them before. Further calls return nil.
func (m *Mux) Close() error {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return nil
	}
	m.closed = true
	conns := m.conns
	m.conns = make(map[connKey]*Conn)
	m.mu.Unlock()
	for _, c := range conns {
		c.shut()
	}
	return errors.Join(m.transport.Close(), m.socket.Close())
}

// Allow lets QUIC packets from an address in until release is called; several
// holders may allow the same one. Addresses belong here when a connectivity
// check has proven that the peer answers there, and not before.
func (m *Mux) Allow(from netip.AddrPort) (release func()) {
	from = canonical(from)
	m.mu.Lock()
	m.allowed[from]++
	m.mu.Unlock()
	var once sync.Once
	return func() {
		once.Do(func() {
			m.mu.Lock()
			defer m.mu.Unlock()
			if m.allowed[from]--; m.allowed[from] <= 0 {
				delete(m.allowed, from)
			}
		})
	}
}

// ErrTaken means that somebody else speaks with that TURN server on this socket.
// There can be one allocation for a pair of addresses (RFC 8656 §3.2).
var ErrTaken = errors.New("udpmux: the TURN server is spoken with already")

// TURN hands what a TURN server says to a handler, until release is called:
// channel data (first byte 64 to 79), which is QUIC from anybody else, and STUN
// messages that answer no request of this Mux or of its Conns.
func (m *Mux) TURN(server netip.AddrPort, handler Handler) (release func(), err error) {
	server = canonical(server)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, ErrClosed
	}
	if m.turn[server] != nil {
		return nil, fmt.Errorf("%w: %v", ErrTaken, server)
	}
	m.turn[server] = handler
	var once sync.Once
	return func() {
		once.Do(func() {
			m.mu.Lock()
			defer m.mu.Unlock()
			delete(m.turn, server)
		})
	}, nil
}

func (m *Mux) turnHandler(server netip.AddrPort) Handler {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.turn[server]
}

// HandleDTLS sends DTLS datagrams to a handler that no Conn claims (see
// Conn.CarryDTLS). A nil handler drops them, which is how it starts.
func (m *Mux) HandleDTLS(handler Handler) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dtlsHandler = handler
}

// WriteTo sends one datagram.
func (m *Mux) WriteTo(packet []byte, to netip.AddrPort) error {
	if m.kernel != nil {
		_, err := m.kernel.WriteToUDPAddrPort(packet, to)
		return err
	}
	_, err := m.socket.WriteTo(packet, net.UDPAddrFromAddrPort(to))
	return err
}

// admit decides about one received datagram, on the reading goroutine. It
// reports true when the packet is QUIC's; otherwise it has been dealt with.
func (m *Mux) admit(packet []byte, from netip.AddrPort) bool {
	if len(packet) == 0 {
		return false
	}
	from = canonical(from)
	if m.firewall != nil && !m.firewall(from) {
		return false
	}
	first := packet[0]
	var fromTURN Handler
	if first >= 64 && first <= 79 {
		fromTURN = m.turnHandler(from)
	}
	kind := Classify(first, fromTURN != nil)
	m.count.kinds[kind].Add(1)
	switch kind {
	case QUIC:
		m.mu.RLock()
		ok := m.allowed[from] > 0
		m.mu.RUnlock()
		if !ok {
			m.count.refused.Add(1)
		}
		return ok
	case STUN:
		m.dispatchSTUN(packet, from)
	case TURNChannel:
		fromTURN(packet, from)
	case DTLS:
		m.dispatchDTLS(packet, from)
	}
	return false
}

func (m *Mux) dispatchDTLS(packet []byte, from netip.AddrPort) {
	m.mu.RLock()
	conn, handler := m.dtls[from], m.dtlsHandler
	m.mu.RUnlock()
	switch {
	case conn != nil:
		conn.deliver(packet, from)
	case handler != nil:
		handler(packet, from)
	default:
		m.count.unclaimed.Add(1)
	}
}

// canonical writes an IPv4-mapped IPv6 address, which is what a dual-stack
// socket reports, as the IPv4 address it is.
func canonical(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
