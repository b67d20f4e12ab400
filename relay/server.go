package relay

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
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
}

type counters struct {
	requests, answered, refused, ignored, malformed atomic.Uint64
	limited, panics, connections, turned            atomic.Uint64
	open                                            atomic.Int64
}

// Server answers STUN on any number of sockets. Safe for concurrent use.
//
// The set of open sockets is leaf data under mu; every socket has one goroutine
// that owns all else.
type Server struct {
	config  Config
	log     *slog.Logger
	limiter *limiter
	count   counters

	mu      sync.Mutex
	closed  bool
	closers map[interface{ Close() error }]struct{}
	sources map[netip.Addr]int // open TCP connections per source
	running sync.WaitGroup
}

// New makes a server that serves nothing yet.
func New(config Config) *Server {
	defaultTo(&config.PacketsPerSecond, 20)
	defaultTo(&config.PacketBurst, 100)
	defaultTo(&config.MaxConnections, 1024)
	defaultTo(&config.MaxConnectionsPerSource, 16)
	defaultTo(&config.IdleTimeout, 30*time.Second)
	logger := config.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &Server{
		config:  config,
		log:     logger,
		limiter: newLimiter(config.PacketsPerSecond, config.PacketBurst, maxSources),
		closers: make(map[interface{ Close() error }]struct{}),
		sources: make(map[netip.Addr]int),
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
	return Stats{
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
			s.count.panics.Add(1)
			s.log.Error("stun: parser failed on a packet", "from", from, "reason", reason, "bytes", len(data))
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
