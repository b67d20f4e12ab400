package datachannel

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"godwit/jid"
	"godwit/link/bytestream"
	"godwit/peer"
	"godwit/peer/allocation"
	"godwit/udpmux"
	"godwit/xep/datachannel"
	"godwit/xep/extdisco"
	"godwit/xep/reach"
	"godwit/xmlstream"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"
)

// Errors of a Transport.
var (
	ErrClosed = errors.New("peer/datachannel: the transport is closed")
	// ErrNoAddresses: the settings show the peer none of the addresses there
	// are, so no path can be built.
	ErrNoAddresses = errors.New("peer/datachannel: no address may be shown to this peer")
)

const (
	sctpPort   = 5000    // the one port the library speaks
	maxMessage = 262_144 // bytes we take in one message: the bound of stanzas, and what browsers take
	maxMapped  = 2       // addresses by the router
)

// Timings.
const (
	// ICE: without an answer for silent the pair is doubted, after lost more it is
	// given up.
	silent           = 4 * time.Second
	lost             = 6 * time.Second
	iceKeepAlive     = 2 * time.Second
	relayWait        = 200 * time.Millisecond
	handshakeTimeout = 10 * time.Second // DTLS
	associateTimeout = 10 * time.Second // SCTP and the channel
	bindTimeout      = 4 * time.Second
	resolveTimeout   = 2 * time.Second
	maxChecks        = 100 // per pair
)

// Config says what a Transport works with. The zero value is usable: a socket of
// its own on a free port of all interfaces, no STUN or TURN server.
type Config struct {
	// Mux is the socket to use, which is left open; nil for one of its own.
	Mux *udpmux.Mux
	// Address of the own socket; zero for the wildcard and a free port.
	Address netip.AddrPort
	// Loopback also offers and accepts loopback addresses, for tests and for
	// demonstrations on one machine.
	Loopback bool
	// Link holds the bounds and timeouts of links; what describes one of them is
	// filled in. Without Limits, xmlstream.DefaultLimits apply.
	Link bytestream.Config
	// TLS is whom to trust when a TURN server is reached by TLS; a ServerName in it
	// is the account's domain (allocation.TLSConfig). Nil means the system's trust.
	TLS *tls.Config
	// Logger may be nil.
	Logger *slog.Logger
}

// Transport connects by WebRTC data channels. It implements peer.Transport in the
// deployed dialect (xep/datachannel); Mapped is the same in that of XEP-0343. It
// is safe for concurrent use. What it was told and the registry of sessions are
// leaf data under mu.
type Transport struct {
	config   Config
	log      *slog.Logger
	mux      *udpmux.Mux
	identity *identity
	channel  webrtc.DataChannelParameters // agreed, but in tests of refusing others

	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	stun     []string // host:port
	ways     []allocation.Server
	mapped   []netip.AddrPort
	sessions map[*session]bool    // that run
	linked   map[jid.JID]*session // the latest with a link, by peer
}

var _ peer.Transport = (*Transport)(nil)

// New makes the key of this start, and opens a socket if none is given.
func New(config Config) (*Transport, error) {
	t := &Transport{config: config, log: config.Logger, mux: config.Mux, channel: agreed,
		sessions: make(map[*session]bool), linked: make(map[jid.JID]*session)}
	if t.log == nil {
		t.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if t.identity, err = newIdentity(); err != nil {
		return nil, err
	}
	if t.mux == nil {
		if t.mux, err = udpmux.Listen(udpmux.Config{Address: config.Address, Logger: t.log}); err != nil {
			return nil, err
		}
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t, nil
}

// settings are those of every session.
func (t *Transport) settings() webrtc.SettingEngine {
	s := webrtc.SettingEngine{LoggerFactory: loggers{t.log}}
	s.DetachDataChannels()
	s.SetICEUDPMux(&iceMux{t.mux, t.config.Loopback})
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetIncludeLoopbackCandidate(t.config.Loopback)
	s.SetICETimeouts(silent, lost, iceKeepAlive)
	s.SetHostAcceptanceMinWait(0)
	s.SetSrflxAcceptanceMinWait(0)
	s.SetPrflxAcceptanceMinWait(0)
	s.SetRelayAcceptanceMinWait(relayWait)
	s.SetICEMaxBindingRequests(maxChecks)
	// A better pair than the first one is moved to, a direct one from a relay above
	// all (draft-thatcher-ice-renomination).
	if err := s.SetICERenomination(); err != nil {
		t.log.Warn("peer/datachannel: a path will not be replaced by a better one", "error", err)
	}
	s.SetRemoteIPFilter(func(ip net.IP) bool {
		a, ok := netip.AddrFromSlice(ip)
		return ok && acceptable(a.Unmap(), t.config.Loopback)
	})
	return s
}

// Namespace implements peer.Transport.
func (t *Transport) Namespace() string { return datachannel.NS }

// SetServices names the STUN and TURN servers with their credentials, as external
// service discovery (XEP-0215) told them. Introductions that begin later use them.
// Of each way to a TURN server (UDP, TCP, TLS) the first is taken.
func (t *Transport) SetServices(services []extdisco.Service) {
	stun, ways := sortServices(services)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stun, t.ways = stun, ways
}

// SetMapped names the addresses that the router maps to the socket. Sessions that
// have no direct path yet tell them too.
func (t *Transport) SetMapped(addresses []netip.AddrPort) {
	var mapped []netip.AddrPort
	for _, a := range addresses {
		if acceptable(a.Addr(), t.config.Loopback) && a.Port() != 0 && len(mapped) < maxMapped {
			mapped = append(mapped, netip.AddrPortFrom(a.Addr().Unmap(), a.Port()))
		}
	}
	t.mu.Lock()
	t.mapped = mapped
	t.mu.Unlock()
	t.lookAgain()
}

// SetReach does nothing. The element of this transport has no place to tell it, and
// there is nothing to decide by it: guessing ports is not done here, and every way
// to a relay is asked at the same time, so that knowing that UDP is blocked would
// save none of the wait.
func (t *Transport) SetReach(reach.Reach) {}

// NetworkChanged tells that interfaces or addresses have changed. What the router
// mapped is forgotten, until SetMapped tells it again; nothing else is remembered
// from one introduction to the next. Sessions that have no direct path tell the
// addresses there are now; a relay they have not got they do not ask for again. A
// link whose path is gone ends after 10 s at most, or when a newer one with the
// device takes its place.
func (t *Transport) NetworkChanged() {
	t.mu.Lock()
	t.mapped = nil
	t.mu.Unlock()
	t.lookAgain()
}

func (t *Transport) lookAgain() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for s := range t.sessions {
		s.lookAgain()
	}
}

// Close aborts every session, closes the own socket and returns when all
// goroutines are gone.
func (t *Transport) Close() error {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.cancel()
	t.running.Wait()
	if t.config.Mux == nil {
		return t.mux.Close()
	}
	return nil
}

// Offer implements peer.Transport.
func (t *Transport) Offer(p peer.Params) (peer.Session, error) {
	return t.start(p, datachannel.Deployed, nil)
}

// Answer implements peer.Transport.
func (t *Transport) Answer(p peer.Params, remote xmlstream.Node) (peer.Session, error) {
	return t.answer(p, datachannel.Deployed, remote)
}

func (t *Transport) answer(p peer.Params, dialect datachannel.Dialect, remote xmlstream.Node) (peer.Session, error) {
	offer, err := datachannel.ParseFull(remote)
	if err != nil {
		return nil, err
	}
	return t.start(p, dialect, &offer)
}

func (t *Transport) start(p peer.Params, dialect datachannel.Dialect, offer *datachannel.Transport) (peer.Session, error) {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return nil, ErrClosed
	}
	t.running.Add(1) // Close waits for us from now on
	t.mu.Unlock()
	s, err := newSession(t, p, dialect, offer)
	if err != nil {
		t.running.Done()
		return nil, err
	}
	t.mu.Lock()
	t.sessions[s] = true
	t.mu.Unlock()
	go func() {
		defer t.running.Done()
		s.run()
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.sessions, s)
	}()
	return s, nil
}

// adopt notes that a session has its link, and ends the one it had with the same
// device before. Both run between the same two sockets, where DTLS can be told
// apart by its source only: two would take each other's packets.
func (t *Transport) adopt(s *session) {
	t.mu.Lock()
	before := t.linked[s.params.Peer]
	t.linked[s.params.Peer] = s
	t.mu.Unlock()
	if before != nil {
		before.cancel(errSuperseded)
	}
}

// forget is for a session whose link has ended.
func (t *Transport) forget(s *session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.linked[s.params.Peer] == s {
		delete(t.linked, s.params.Peer)
	}
}

// Mapped is the transport in the dialect of XEP-0343: ICE-UDP with <sctpmap/>.
func (t *Transport) Mapped() peer.Transport { return mapped{t} }

type mapped struct{ t *Transport }

func (m mapped) Namespace() string { return datachannel.Mapped.Namespace() }

func (m mapped) Offer(p peer.Params) (peer.Session, error) {
	return m.t.start(p, datachannel.Mapped, nil)
}

func (m mapped) Answer(p peer.Params, remote xmlstream.Node) (peer.Session, error) {
	return m.t.answer(p, datachannel.Mapped, remote)
}
