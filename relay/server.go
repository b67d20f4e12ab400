package relay

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// ErrClosed is returned by the Serve methods after Close.
var ErrClosed = errors.New("relay: server closed")

// Config holds what an operator may change. The zero value is usable.
type Config struct {
	// Logger receives start, stop and unexpected errors; never one line per
	// packet. Nil means silence.
	Logger *slog.Logger

	// PacketsPerSecond and PacketBurst bound the requests answered per source
	// (one IPv4 address or one IPv6 /64). Defaults: 20 a second, bursts of 100.
	PacketsPerSecond float64
	PacketBurst      float64

	// MaxConnections and MaxConnectionsPerSource bound open TCP connections.
	// Defaults: 1024 and 16.
	MaxConnections          int
	MaxConnectionsPerSource int

	// IdleTimeout is how long a TCP connection may take for its next complete
	// request, and to accept an answer. Default: 30 s.
	IdleTimeout time.Duration

	// Public says under which addresses the world reaches this server where they
	// are not its own: behind a router that maps one to one, in a container.
	Public []Mapping

	// Secret turns TURN on, and makes the credentials (Credentials). Processes
	// with the same secret accept each other's. At least MinSecret bytes of
	// randomness; empty means STUN only.
	Secret []byte

	// Realm is the realm of TURN (RFC 8489 §9.2.1). It stands in answers to
	// strangers, so a short one is a good one. Default: "godwit".
	Realm string

	// CredentialLifetime is how long credentials serve to make allocations. An
	// allocation made with them may be kept for as long again. Default: 12 h.
	CredentialLifetime time.Duration

	// MinPort and MaxPort bound the UDP ports of relayed addresses, both
	// inclusive. Default: 49152 to 65535.
	MinPort, MaxPort uint16

	// MaxAllocationsPerUser and MaxAllocations bound live allocations; beyond
	// them requests are answered with 486 and 508. Defaults: 10 and 4096.
	MaxAllocationsPerUser int
	MaxAllocations        int

	// MaxPeers bounds the permissions of one allocation, and its channels.
	// Default: 64.
	MaxPeers int

	// Bandwidth is how many bytes a second one user may relay in each direction,
	// with bursts of two seconds' worth; what is beyond is dropped and counted.
	// 0 is unlimited; DefaultBandwidth is what to begin with.
	Bandwidth int64

	// Allow opens ranges of peers that are closed by default (private networks,
	// loopback and so on), for labs and companies. The server's own addresses
	// stay closed, except for relayed addresses, unless one is named by a prefix
	// that holds nothing else.
	Allow []netip.Prefix

	// Trace is called with what happens to users of the relay, in the goroutine
	// that serves them: it must return at once, and be safe for concurrent use.
	Trace func(Event)

	// ListenPacket opens the sockets of relayed addresses: network is "udp4" or
	// "udp6". Nil means [net.ListenPacket].
	ListenPacket func(network, address string) (net.PacketConn, error)

	// OwnAddresses lists the addresses of this host with their networks. Nil
	// means those of the system's interfaces.
	OwnAddresses func() []netip.Prefix

	route func(v6 bool) netip.Addr // routeSource; replaced with OwnAddresses
}

// DefaultBandwidth is a generous value for Config.Bandwidth: 8 MiB a second.
const DefaultBandwidth = 8 << 20

// Mapping says under which address the world sees one of this host.
type Mapping struct {
	Local  netip.Addr // the zero value stands for every local address of Public's family
	Public netip.Addr
}

// Stats are totals since the server was made.
type Stats struct {
	Requests    uint64 // messages received, over UDP and TCP
	Answered    uint64 // success responses
	Refused     uint64 // error responses (unknown attributes)
	Ignored     uint64 // well formed messages without an answer
	Malformed   uint64 // dropped: not STUN, or broken
	Limited     uint64 // dropped: the source was over its rate
	Panics      uint64 // dropped: the parser failed; always worth a report
	Connections uint64 // TCP connections accepted
	Turned      uint64 // TCP connections turned away by a cap
	Open        int64  // TCP connections open now

	Challenged uint64 // TURN requests without credentials, answered with 401
	Strays     uint64 // data for the relay from clients without an allocation, dropped

	Live        int    // allocations now
	Users       int    // users that have some
	Allocations uint64 // allocations made

	BytesIn, BytesOut     uint64 // payload relayed from peers, to peers
	PacketsIn, PacketsOut uint64 // datagrams likewise; those the system did not send are among RelayErrors too
	RelayErrors           uint64 // messages and datagrams the system did not send or receive
	Warnings              uint64 // warnings of the TURN library

	// Refusals are requests refused and datagrams dropped, by reason. Reasons
	// that never occurred are left out.
	Refusals map[Reason]uint64
}

type counters struct {
	requests, answered, refused, ignored, malformed atomic.Uint64
	limited, panics, connections, turned            atomic.Uint64
	open                                            atomic.Int64

	challenged, strays, allocations, relayErrors, warnings atomic.Uint64
	bytesIn, bytesOut, packetsIn, packetsOut               atomic.Uint64
	refusals                                               [reasons]atomic.Uint64
}

// Server answers STUN and TURN on any number of sockets. Safe for concurrent use.
//
// The sets of open and of listening sockets are leaf data under mu; every socket
// has one goroutine that owns all else. What all share has owners of its own:
// the limiters, the ledger of allocations, the list of own addresses.
type Server struct {
	config     Config
	log        *slog.Logger
	limiter    *limiter // requests
	challenges *limiter // answers to requests without credentials
	count      counters

	keys   *keys // nil: STUN only
	nonces nonces
	ledger *ledger
	own    *ownAddresses
	policy policy
	around surroundings

	mu        sync.Mutex
	closed    bool
	closers   map[interface{ Close() error }]struct{}
	sources   map[netip.Addr]int     // open TCP connections per source
	listening map[netip.AddrPort]int // UDP sockets served
	withdrawn map[string]time.Time   // accounts, and until when their credentials were made void
	running   sync.WaitGroup
}

// New makes a server that serves nothing yet. It panics if Config.Secret is too
// short or the ports make no range, as that is a mistake of whoever wrote it:
// see [Config.Check].
func New(config Config) *Server {
	if err := config.Check(); err != nil {
		panic(err)
	}
	config.complete()
	logger := config.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		config:     config,
		log:        logger,
		limiter:    newLimiter(config.PacketsPerSecond, config.PacketBurst, maxSources),
		challenges: newLimiter(config.PacketsPerSecond/2, config.PacketBurst/2, maxSources),
		nonces:     newNonces(),
		ledger:     newLedger(config.MaxAllocationsPerUser, config.MaxAllocations, float64(config.Bandwidth)),
		own:        newOwnAddresses(config.OwnAddresses),
		policy:     policy{allow: config.Allow},
		closers:    make(map[interface{ Close() error }]struct{}),
		sources:    make(map[netip.Addr]int),
		listening:  make(map[netip.AddrPort]int),
		withdrawn:  make(map[string]time.Time),
	}
	if len(config.Secret) > 0 {
		s.keys, _ = newKeys(config.Secret) // fails only in FIPS mode, for short keys; they were checked
	}
	for _, m := range config.Public {
		s.own.add(m.Public)
		s.own.add(m.Local)
	}
	s.around = surroundings{own: s.own.has, relayed: s.ledger.isRelayed, listening: s.isListening}
	return s
}

// Check tells what New would not accept.
func (c *Config) Check() error {
	if n := len(c.Secret); n > 0 && n < MinSecret {
		return fmt.Errorf("relay: a secret of %d bytes, where at least %d are needed", n, MinSecret)
	}
	if (c.MinPort != 0 || c.MaxPort != 0) && (c.MinPort == 0 || c.MaxPort < c.MinPort) {
		return fmt.Errorf("relay: ports %d to %d are no range", c.MinPort, c.MaxPort)
	}
	for _, m := range c.Public {
		if !m.Public.IsValid() || m.Public.Is4In6() || m.Public.IsUnspecified() || m.Local.IsValid() && m.Local.Is4() != m.Public.Is4() {
			return fmt.Errorf("relay: %v can not stand for %v", m.Public, m.Local)
		}
	}
	return nil
}

func (c *Config) complete() {
	defaultTo(&c.PacketsPerSecond, 20)
	defaultTo(&c.PacketBurst, 100)
	defaultTo(&c.MaxConnections, 1024)
	defaultTo(&c.MaxConnectionsPerSource, 16)
	defaultTo(&c.IdleTimeout, 30*time.Second)
	defaultTo(&c.CredentialLifetime, 12*time.Hour)
	defaultTo(&c.MaxAllocationsPerUser, 10)
	defaultTo(&c.MaxAllocations, 4096)
	defaultTo(&c.MaxPeers, 64)
	if c.MinPort == 0 {
		c.MinPort, c.MaxPort = 49152, 65535
	}
	if c.Realm == "" {
		c.Realm = "godwit"
	}
	if c.ListenPacket == nil {
		c.ListenPacket = net.ListenPacket
	}
	c.route = routeSource
	if list := c.OwnAddresses; list != nil {
		c.route = func(v6 bool) netip.Addr {
			for _, p := range list() {
				if a := p.Addr().Unmap(); a.Is6() == v6 && a.IsGlobalUnicast() {
					return a
				}
			}
			return netip.Addr{}
		}
	}
}

// maxSources bounds the rate limiter: two generations of this many sources at
// about 100 bytes each.
const maxSources = 1 << 15

func defaultTo[T int | float64 | time.Duration](value *T, fallback T) {
	if *value <= 0 {
		*value = fallback
	}
}

// Close closes every socket handed to a Serve method and every connection, and
// returns when all goroutines are gone. Further calls do nothing.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	open := s.closers
	s.closers = make(map[interface{ Close() error }]struct{})
	s.mu.Unlock()
	var errs []error
	for c := range open {
		if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	s.running.Wait()
	return errors.Join(errs...)
}

// Stats returns the totals so far.
func (s *Server) Stats() Stats {
	c := &s.count
	live, users := s.ledger.counts()
	refusals := make(map[Reason]uint64)
	for reason := range c.refusals {
		if n := c.refusals[reason].Load(); n > 0 {
			refusals[Reason(reason)] = n
		}
	}
	return Stats{
		Challenged: c.challenged.Load(), Strays: c.strays.Load(),
		Live: live, Users: users, Allocations: c.allocations.Load(),
		BytesIn: c.bytesIn.Load(), BytesOut: c.bytesOut.Load(),
		PacketsIn: c.packetsIn.Load(), PacketsOut: c.packetsOut.Load(),
		RelayErrors: c.relayErrors.Load(), Warnings: c.warnings.Load(), Refusals: refusals,
		Requests: c.requests.Load(), Answered: c.answered.Load(), Refused: c.refused.Load(),
		Ignored: c.ignored.Load(), Malformed: c.malformed.Load(), Limited: c.limited.Load(),
		Panics: c.panics.Load(), Connections: c.connections.Load(), Turned: c.turned.Load(),
		Open: c.open.Load(),
	}
}

// track registers something Close must close. It reports false, and closes it,
// when the server is closed already.
func (s *Server) track(c interface{ Close() error }) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = c.Close()
		return false
	}
	s.closers[c] = struct{}{}
	s.running.Add(1)
	return true
}

func (s *Server) untrack(c interface{ Close() error }) {
	_ = c.Close()
	s.mu.Lock()
	delete(s.closers, c)
	s.mu.Unlock()
	s.running.Done()
}

func (s *Server) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// listen and unlisten keep the list of UDP sockets served.
func (s *Server) listen(local netip.AddrPort) {
	s.mu.Lock()
	s.listening[local]++
	s.mu.Unlock()
	s.own.add(local.Addr())
}

func (s *Server) unlisten(local netip.AddrPort) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listening[local]--; s.listening[local] <= 0 {
		delete(s.listening, local)
	}
}

// isListening implements surroundings.listening; peer is an address of this host.
func (s *Server) isListening(peer netip.AddrPort) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	any := netip.IPv4Unspecified()
	if peer.Addr().Is6() {
		any = netip.IPv6Unspecified()
	}
	return s.listening[peer] > 0 || s.listening[netip.AddrPortFrom(any, peer.Port())] > 0 ||
		s.listening[netip.AddrPortFrom(netip.IPv6Unspecified(), peer.Port())] > 0
}

// served are the addresses of the sockets served, without wildcards.
func (s *Server) served() []netip.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []netip.Addr
	for at := range s.listening {
		if !at.Addr().IsUnspecified() && !slices.Contains(list, at.Addr()) {
			list = append(list, at.Addr())
		}
	}
	slices.SortFunc(list, netip.Addr.Compare)
	return list
}

// Revoke makes all credentials of the account void that were made until now, and
// ends its allocations: for an account that is no more, or whose password has
// changed. It holds in this process, for as long as those credentials would.
func (s *Server) Revoke(account string, now time.Time) {
	if s.keys == nil {
		return
	}
	until := now.Add(s.config.CredentialLifetime)
	s.mu.Lock()
	for name, end := range s.withdrawn {
		if now.After(end.Add(s.config.CredentialLifetime)) {
			delete(s.withdrawn, name)
		}
	}
	s.withdrawn[nameOf(account)] = until
	s.mu.Unlock()
	for _, a := range s.ledger.of(nameOf(account)) {
		_ = a.Close()
	}
}

// revoked reports whether credentials of the account that end then are void.
func (s *Server) revoked(account string, expires time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	until, found := s.withdrawn[account]
	return found && !expires.After(until)
}

// panicked counts and tells what a message did to the parser.
func (s *Server) panicked(from netip.AddrPort, reason any, size int) {
	s.count.panics.Add(1)
	s.log.Error("stun: parser failed on a packet", "from", from, "reason", reason, "bytes", size)
}

// respondFunc is (*responder).respond, bound to one goroutine's scratch space.
type respondFunc func(data []byte, from netip.AddrPort) ([]byte, verdict)

// answer applies the rate limit, computes the answer and counts. A panic in the
// parser costs the one message that caused it.
func (s *Server) answer(respond respondFunc, data []byte, from netip.AddrPort) (response []byte) {
	s.count.requests.Add(1)
	if !s.limiter.allow(from.Addr(), time.Now()) {
		s.count.limited.Add(1)
		return nil
	}
	defer func() {
		if reason := recover(); reason != nil {
			s.panicked(from, reason, len(data))
			response = nil
		}
	}()
	response, outcome := respond(data, from)
	switch outcome {
	case verdictAnswered:
		s.count.answered.Add(1)
	case verdictRefused:
		s.count.refused.Add(1)
	case verdictIgnored:
		s.count.ignored.Add(1)
	case verdictMalformed:
		s.count.malformed.Add(1)
	}
	return response
}
