package quic

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"godwit/link/bytestream"
	"godwit/peer"
	"godwit/udpmux"
	"godwit/xep/icequic"
	"godwit/xmlstream"

	"github.com/quic-go/quic-go"
)

// Errors of a Transport.
var (
	ErrClosed = errors.New("peer/quic: the transport is closed")
	// ErrNoAddresses: the settings show the peer none of the addresses there
	// are, so no path can be built.
	ErrNoAddresses = errors.New("peer/quic: no address may be shown to this peer")
)

// Timings of the QUIC connection.
const (
	keepAlive        = 3 * time.Second
	idleTimeout      = 10 * time.Second
	handshakeTimeout = 5 * time.Second // without a packet; twice that in all
	streamTimeout    = 5 * time.Second // from the handshake to the stream
)

// Config says what a Transport works with. The zero value is usable: all
// interfaces, a free port, no STUN server.
type Config struct {
	// Address of the socket; zero for the wildcard and a free port.
	Address netip.AddrPort
	// Loopback also offers and accepts loopback addresses, for tests and for
	// demonstrations on one machine.
	Loopback bool
	// Link holds the bounds and timeouts of links; what describes one of them is
	// filled in. Without Limits, xmlstream.DefaultLimits apply.
	Link bytestream.Config
	// Logger may be nil.
	Logger *slog.Logger
	// Firewall is udpmux.Config.Firewall: what it refuses is as if the network
	// had lost it. For demonstrations and tests.
	Firewall func(from netip.AddrPort) bool
}

// Transport connects by ICE and QUIC on one socket. It implements
// peer.Transport and is safe for concurrent use. The registry of sessions is
// leaf data under mu.
type Transport struct {
	config   Config
	log      *slog.Logger
	mux      *udpmux.Mux
	identity *identity
	listener *quic.Listener
	gatherer *gatherer

	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	sessions map[string]*session // by server name
}

var _ peer.Transport = (*Transport)(nil)

// New opens the socket and makes the key of this start.
func New(config Config) (*Transport, error) {
	logger := config.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	id, err := newIdentity()
	if err != nil {
		return nil, err
	}
	mux, err := udpmux.Listen(udpmux.Config{Address: config.Address, Logger: logger, Firewall: config.Firewall})
	if err != nil {
		return nil, err
	}
	t := &Transport{
		config: config, log: logger, mux: mux, identity: id,
		gatherer: newGatherer(mux, config.Loopback, logger),
		sessions: make(map[string]*session),
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	t.listener, err = mux.QUIC().Listen(&tls.Config{
		MinVersion:         tls.VersionTLS13,
		NextProtos:         []string{ALPN},
		GetConfigForClient: t.configFor,
	}, quicConfig())
	if err != nil {
		t.cancel()
		return nil, errors.Join(err, mux.Close())
	}
	t.running.Go(t.accept)
	return t, nil
}

// Namespace implements peer.Transport.
func (t *Transport) Namespace() string { return icequic.NS }

// Mux is the socket, for what shares it (NAT discovery, port mapping).
func (t *Transport) Mux() *udpmux.Mux { return t.mux }

// SetServers names the STUN servers, "host:port" each, as external service
// discovery (XEP-0215) told them. Introductions that begin later use them.
func (t *Transport) SetServers(servers []string) { t.gatherer.setServers(servers) }

// Close aborts every session, closes the socket and returns when all
// goroutines are gone.
func (t *Transport) Close() error {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.cancel()
	err := t.listener.Close()
	t.running.Wait()
	return errors.Join(err, t.mux.Close())
}

// Offer implements peer.Transport.
func (t *Transport) Offer(p peer.Params) (peer.Session, error) {
	return t.start(p, nil)
}

// Answer implements peer.Transport.
func (t *Transport) Answer(p peer.Params, remote xmlstream.Node) (peer.Session, error) {
	offer, err := icequic.ParseFull(remote)
	if err != nil {
		return nil, err
	}
	return t.start(p, &offer)
}

func (t *Transport) start(p peer.Params, offer *icequic.Transport) (peer.Session, error) {
	s, err := newSession(t, p, offer)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		s.discard()
		return nil, ErrClosed
	}
	if _, taken := t.sessions[s.name]; taken {
		s.discard()
		return nil, fmt.Errorf("peer/quic: session id %q is in use", p.SID)
	}
	t.sessions[s.name] = s
	t.running.Go(func() {
		s.run()
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.sessions, s.name)
	})
	return s, nil
}

func (t *Transport) session(name string) *session {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sessions[name]
}

// configFor picks the session that an incoming connection names, if ICE has
// proven the address for that very session.
func (t *Transport) configFor(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	s := t.session(hello.ServerName)
	if s == nil || hello.Conn == nil {
		return nil, errors.New("peer/quic: nobody expects this connection")
	}
	return s.serverConfig(addrPortOf(hello.Conn.RemoteAddr()))
}

// accept hands incoming connections, which have proven their key, to their
// sessions.
func (t *Transport) accept() {
	for {
		conn, err := t.listener.Accept(t.ctx)
		if err != nil {
			return // closed: a listener on a living socket does not fail
		}
		s := t.session(conn.ConnectionState().TLS.ServerName)
		if s == nil || !s.adopt(conn) {
			_ = conn.CloseWithError(0, "")
		}
	}
}

// quicConfig is the same for both roles.
func quicConfig() *quic.Config {
	return &quic.Config{
		HandshakeIdleTimeout:  handshakeTimeout,
		MaxIdleTimeout:        idleTimeout,
		KeepAlivePeriod:       keepAlive,
		MaxIncomingStreams:    1,
		MaxIncomingUniStreams: -1,
	}
}

func addrPortOf(a net.Addr) netip.AddrPort {
	udp, ok := a.(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	from := udp.AddrPort()
	return netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
}
