package datachannel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"godwit/jid"
	"godwit/link/bytestream"
	"godwit/peer"
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
	maxServers = 4       // of STUN
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
	api      *webrtc.API
	channel  webrtc.DataChannelParameters // agreed, but in tests of refusing others

	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex
	closed bool
	stun   []string // host:port
	turn   []webrtc.ICEServer
	ways   []way // of turn
	mapped []netip.AddrPort
	linked map[jid.JID]*session // the latest with a link, by peer
}

// way is how a TURN server is reached, for descriptions of paths.
type way struct {
	server   netip.AddrPort // zero when it was named and not numbered
	protocol string
}

var _ peer.Transport = (*Transport)(nil)

// New makes the key of this start, and opens a socket if none is given.
func New(config Config) (*Transport, error) {
	t := &Transport{config: config, log: config.Logger, mux: config.Mux, channel: agreed, linked: make(map[jid.JID]*session)}
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
	t.api = webrtc.NewAPI(webrtc.WithSettingEngine(t.settings()), webrtc.WithMediaEngine(&webrtc.MediaEngine{}))
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
	// A better pair than the first one is moved to.
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
	var stun []string
	var turn []webrtc.ICEServer
	var ways []way
	for _, s := range services {
		host := func(usual uint16) string {
			port := s.Port
			if port == 0 {
				port = usual
			}
			return net.JoinHostPort(s.Host, strconv.Itoa(int(port)))
		}
		scheme, protocol, usual := s.Type, s.Transport, uint16(3478)
		if protocol == "" {
			protocol = "udp"
		}
		if s.Type == extdisco.TURNS {
			usual = 5349
		}
		switch {
		case s.Type == extdisco.STUN && protocol == "udp" && len(stun) < maxServers:
			stun = append(stun, host(usual))
		case s.Type == extdisco.TURN && (protocol == "udp" || protocol == "tcp"), s.Type == extdisco.TURNS && protocol == "tcp":
			w := way{protocol: protocol}
			if s.Type == extdisco.TURNS {
				w.protocol = "tls"
			}
			if slices.ContainsFunc(ways, func(o way) bool { return o.protocol == w.protocol }) {
				continue
			}
			w.server, _ = netip.ParseAddrPort(host(usual))
			ways = append(ways, w)
			turn = append(turn, webrtc.ICEServer{
				URLs:     []string{fmt.Sprintf("%s:%s?transport=%s", scheme, host(usual), protocol)},
				Username: s.Username, Credential: s.Password, CredentialType: webrtc.ICECredentialTypePassword,
			})
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stun, t.turn, t.ways = stun, turn, ways
}

// SetMapped names the addresses that the router maps to the socket.
func (t *Transport) SetMapped(mapped []netip.AddrPort) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mapped = slices.Clone(mapped)
}

// SetReach is for transports that tell what is known of the network; the
// element of this one has no place for it.
func (t *Transport) SetReach(reach.Reach) {}

// NetworkChanged does nothing: addresses are looked up for each introduction, and
// a link that lost its path ends.
func (t *Transport) NetworkChanged() {}

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
	go func() {
		defer t.running.Done()
		s.run()
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
