package bytestream

import (
	"io"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"godwit/link"
	"godwit/xmlstream"
)

// Defaults for Config.
const (
	DefaultMaxQueued    = 2 << 20
	DefaultWriteTimeout = 30 * time.Second
	DefaultCloseTimeout = 5 * time.Second
)

// Config says what a link is made of. The zero value of each field is a
// default.
type Config struct {
	Kind          link.Kind
	Local, Remote netip.AddrPort
	// Limits of what is read; xmlstream.PreAuthLimits().
	Limits *xmlstream.Limits
	// MaxQueued bounds what the peer has not taken yet, in bytes;
	// DefaultMaxQueued. One element larger than that is still accepted by an
	// empty queue.
	MaxQueued int
	// WriteTimeout ends the link when the transport accepted nothing for so
	// long; DefaultWriteTimeout.
	WriteTimeout time.Duration
	// CloseTimeout bounds Close: the flush of what is queued, and waiting for
	// the peer to have read it; DefaultCloseTimeout.
	CloseTimeout time.Duration
	// RTT, if not nil, is the transport's estimate of the round trip.
	RTT func() time.Duration
}

// Optional abilities of the transport.
type (
	// writeDeadliner spares a timer per write.
	writeDeadliner interface{ SetWriteDeadline(time.Time) error }
	// closeWriter ends this direction only, so that the peer can read the last
	// words before the transport is gone.
	closeWriter interface{ CloseWrite() error }
	// aborter closes at once without any farewell that could wait.
	aborter interface{ Abort() error }
)

// Link is a link.Link over a byte stream. A transport that can negotiate TLS
// embeds it and calls Upgrade.
type Link struct {
	cfg    Config
	reader *xmlstream.Reader // owned by the reader goroutine
	state  readState         // owned by the reader goroutine

	lastHeard atomic.Int64 // Unix nanoseconds; 0 before the first byte
	in, out   atomic.Uint64
	heardEnd  atomic.Bool // the peer closed its stream or its transport

	done chan struct{}

	mu       sync.Mutex // guards all below; never held while waiting
	rwc      io.ReadWriteCloser
	queue    chunks
	writing  int   // bytes taken by the flusher and not yet accepted below
	flushing bool  // the flusher runs
	opened   bool  // a header was sent, so an end tag is due
	closing  bool  // Close was called: flush, then end
	reason   error // why the link ended; nil while it lives
	broken   error // why nothing can be written any more, though perhaps read
	over     bool  // the transport is closed or being closed
	gone     bool  // the transport is closed

	reading    bool            // the reader is in the transport
	readEnd    chan struct{}   // closed when it comes out; nil if nobody waits
	deaf       <-chan struct{} // closed when discard is over; nil unless closing
	discarding bool            // discard runs
	timer      *time.Timer

	upgrading bool          // the transport is being replaced: nothing is flushed
	drained   chan struct{} // closed when the flusher stops; nil if nobody waits
}

var _ link.Link = (*Link)(nil)

// New makes a link of a connected transport, which it owns from now on.
func New(rwc io.ReadWriteCloser, cfg Config) *Link {
	if cfg.Kind == "" {
		cfg.Kind = link.Memory
	}
	if cfg.MaxQueued <= 0 {
		cfg.MaxQueued = DefaultMaxQueued
	}
	if cfg.WriteTimeout <= 0 {
		cfg.WriteTimeout = DefaultWriteTimeout
	}
	if cfg.CloseTimeout <= 0 {
		cfg.CloseTimeout = DefaultCloseTimeout
	}
	limits := xmlstream.PreAuthLimits()
	if cfg.Limits != nil {
		limits = *cfg.Limits
		cfg.Limits = nil
	}
	l := &Link{cfg: cfg, rwc: rwc, done: make(chan struct{})}
	l.reader = xmlstream.NewReader(source{l}, limits)
	return l
}

// Kind implements link.Link.
func (l *Link) Kind() link.Kind { return l.cfg.Kind }

// LocalAddr implements link.Link.
func (l *Link) LocalAddr() netip.AddrPort { return l.cfg.Local }

// RemoteAddr implements link.Link.
func (l *Link) RemoteAddr() netip.AddrPort { return l.cfg.Remote }

// InheritedNS implements link.Link: the header declares jabber:client as the
// default namespace of the stream (RFC 6120 §4.8.2).
func (l *Link) InheritedNS() string { return nsClient }

// Done implements link.Link.
func (l *Link) Done() <-chan struct{} { return l.done }

// Quality implements link.Link.
func (l *Link) Quality() link.Quality {
	q := link.Quality{BytesIn: l.in.Load(), BytesOut: l.out.Load()}
	if ns := l.lastHeard.Load(); ns != 0 {
		q.LastHeard = time.Unix(0, ns)
	}
	if l.cfg.RTT != nil {
		q.RTT = l.cfg.RTT()
	}
	return q
}

// alive is nil, or why nothing is read any more; with mu held.
func (l *Link) alive() error {
	if l.reason == nil && l.closing {
		return link.ErrClosed
	}
	return l.reason
}

// ended is alive for whoever does not hold mu.
func (l *Link) ended() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.alive()
}
