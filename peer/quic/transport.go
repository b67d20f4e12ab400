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
	"godwit/peer/allocation"
	"godwit/peer/guess"
	"godwit/udpmux"
	"godwit/xep/extdisco"
	"godwit/xep/icequic"
	"godwit/xep/reach"
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
	// TLS is whom to trust when a TURN server is reached by TLS; a ServerName in it
	// is the account's domain (allocation.Config).
	TLS *tls.Config
	// Socket, if not nil, is used in place of opening one; for simulated networks.
	// The Transport owns it.
	Socket net.PacketConn
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
	relays   *allocation.Pool
	guesses  guess.Gate

	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu        sync.Mutex
	closed    bool
	sessions  map[string]*session // by server name
	listening map[*udpmux.Mux]bool
	reach     reach.Reach
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
	shared := udpmux.Config{Address: config.Address, Logger: logger, Firewall: config.Firewall}
	var mux *udpmux.Mux
	if config.Socket != nil {
		mux, err = udpmux.Over(config.Socket, shared)
	} else {
		mux, err = udpmux.Listen(shared)
	}
	if err != nil {
		return nil, err
	}
	t := &Transport{
		config: config, log: logger, mux: mux, identity: id,
		gatherer: newGatherer(mux, config.Loopback, logger),
		relays:   allocation.New(allocation.Config{Mux: mux, TLS: config.TLS, Logger: logger, Firewall: config.Firewall}),
		sessions: make(map[string]*session), listening: make(map[*udpmux.Mux]bool),
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	t.listener, err = t.listen(mux)
	if err != nil {
		t.cancel()
		t.relays.Close()
		return nil, errors.Join(err, mux.Close())
	}
	t.running.Go(func() { t.accept(t.listener, mux) })
	return t, nil
}

// listen takes QUIC connections on a socket.
func (t *Transport) listen(mux *udpmux.Mux) (*quic.Listener, error) {
	return mux.QUIC().Listen(&tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: []string{ALPN},
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			return t.configFor(hello, mux)
		},
	}, quicConfig())
}

// listenOn takes connections on one more socket, such as an address of a TURN
// server, as long as that exists.
func (t *Transport) listenOn(mux *udpmux.Mux) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return ErrClosed
	}
	if t.listening[mux] {
		return nil
	}
	listener, err := t.listen(mux)
	if err != nil {
		return err
	}
	t.listening[mux] = true
	t.running.Go(func() {
		t.accept(listener, mux)
		_ = listener.Close()
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.listening, mux)
	})
	return nil
}

// Namespace implements peer.Transport.
func (t *Transport) Namespace() string { return icequic.NS }

// Mux is the socket, for what shares it (NAT discovery, port mapping).
func (t *Transport) Mux() *udpmux.Mux { return t.mux }

// SetServices names the STUN and TURN servers, with credentials, as external
// service discovery (XEP-0215) told them. Introductions that begin later use
// them.
func (t *Transport) SetServices(services []extdisco.Service) {
	stun, turn := sortServices(services)
	t.gatherer.setServers(stun)
	t.relays.SetServers(turn)
}

// SetMapped tells the addresses outside at which the router maps a port to the
// socket; they are offered as candidates. Sessions that have no direct path yet
// offer them too.
func (t *Transport) SetMapped(addresses []netip.AddrPort) {
	t.gatherer.setMapped(addresses)
	t.lookAgain()
}

// SetReach tells what is known of the network. It is told to peers who may know
// our addresses, and saves trying UDP first where none gets through.
func (t *Transport) SetReach(r reach.Reach) {
	t.mu.Lock()
	t.reach = r
	t.mu.Unlock()
	t.relays.SetBlocked(r.Class == reach.Blocked)
}

func (t *Transport) currentReach() reach.Reach {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.reach
}

// NetworkChanged tells that interfaces or addresses have changed: what was
// learned is forgotten, the relay is verified, and sessions that have no direct
// path look for addresses anew. Links go on as long as they can.
func (t *Transport) NetworkChanged() {
	t.gatherer.forget()
	t.guesses.Forget()
	t.relays.NetworkChanged()
	t.lookAgain()
}

func (t *Transport) lookAgain() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.sessions {
		s.lookAgain()
	}
}

// Close aborts every session, gives the relay back, closes the socket and returns
// when all goroutines are gone.
func (t *Transport) Close() error {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.cancel()
	err := t.listener.Close()
	t.relays.Close()
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
func (t *Transport) configFor(hello *tls.ClientHelloInfo, mux *udpmux.Mux) (*tls.Config, error) {
	s := t.session(hello.ServerName)
	if s == nil || hello.Conn == nil {
		return nil, errNobody
	}
	return s.serverConfig(place{mux, addrPortOf(hello.Conn.RemoteAddr())})
}

// accept hands incoming connections, which have proven their key, to their
// sessions.
func (t *Transport) accept(listener *quic.Listener, mux *udpmux.Mux) {
	for {
		conn, err := listener.Accept(t.ctx)
		if err != nil {
			return // closed, or the relay is gone
		}
		s := t.session(conn.ConnectionState().TLS.ServerName)
		if s == nil || !s.adopt(conn, mux) {
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
