package framing

import (
	"errors"
	"fmt"
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

// Config says what a link is made of. The zero value of each field is a default.
type Config struct {
	Kind          link.Kind // link.WebSocket
	Local, Remote netip.AddrPort
	// Limits of what is read; xmlstream.PreAuthLimits().
	Limits *xmlstream.Limits
	// MaxMessage is the largest message the other side takes, in bytes; 0 is
	// any. A larger one ends the link with ErrTooLarge.
	MaxMessage int
	// MaxQueued bounds what the carrier has not taken yet, in bytes;
	// DefaultMaxQueued. One element larger than that is still accepted by an
	// empty queue.
	MaxQueued int
	// WriteTimeout ends the link when the carrier did not take one message for
	// so long; DefaultWriteTimeout.
	WriteTimeout time.Duration
	// CloseTimeout bounds Close; DefaultCloseTimeout.
	CloseTimeout time.Duration
	// RTT, if not nil, is the carrier's estimate of the round trip.
	RTT func() time.Duration
}

// Link is a link.Link over messages. The reader's fields belong to the goroutine
// that reads; what the queue is belongs to mu.
type Link struct {
	config Config
	conn   Conn

	lastHeard atomic.Int64 // Unix nanoseconds; 0 before the first message
	in, out   atomic.Uint64

	// The reader's.
	total  int // bytes read since the stream began
	inside bool
	failed error // nothing more is read

	limits    atomic.Pointer[xmlstream.Limits] // set by the reader
	receiving sync.Mutex                       // held while conn.ReadMessage is called
	ending    chan struct{}                    // closed with over
	done      chan struct{}
	peerEnded chan struct{} // closed when the peer's <close/> or end was heard
	heardOnce sync.Once

	mu         sync.Mutex // guards all below; never held while waiting
	queue      [][]byte
	queued     int // bytes in queue
	writing    int // bytes of the message taken off the queue and not handed over
	flushing   bool
	discarding bool
	opened     bool
	closing    bool
	over       bool
	gone       bool
	reason     error // why the link ended
	broken     error // why nothing can be written any more, though perhaps read
	timer      *time.Timer
}

var _ link.Link = (*Link)(nil)

// New makes a link of an open connection, which it owns from now on.
func New(conn Conn, config Config) *Link {
	if config.Kind == "" {
		config.Kind = link.WebSocket
	}
	if config.MaxQueued <= 0 {
		config.MaxQueued = DefaultMaxQueued
	}
	if config.WriteTimeout <= 0 {
		config.WriteTimeout = DefaultWriteTimeout
	}
	if config.CloseTimeout <= 0 {
		config.CloseTimeout = DefaultCloseTimeout
	}
	limits := xmlstream.PreAuthLimits()
	if config.Limits != nil {
		limits = *config.Limits
		config.Limits = nil
	}
	l := &Link{
		config: config, conn: conn,
		ending: make(chan struct{}), done: make(chan struct{}), peerEnded: make(chan struct{}),
	}
	l.limits.Store(&limits)
	return l
}

// Kind implements link.Link.
func (l *Link) Kind() link.Kind { return l.config.Kind }

// LocalAddr implements link.Link.
func (l *Link) LocalAddr() netip.AddrPort { return l.config.Local }

// RemoteAddr implements link.Link.
func (l *Link) RemoteAddr() netip.AddrPort { return l.config.Remote }

// InheritedNS implements link.Link: every message is a document of its own.
func (l *Link) InheritedNS() string { return "" }

// Done implements link.Link.
func (l *Link) Done() <-chan struct{} { return l.done }

// Quality implements link.Link.
func (l *Link) Quality() link.Quality {
	q := link.Quality{BytesIn: l.in.Load(), BytesOut: l.out.Load()}
	if ns := l.lastHeard.Load(); ns != 0 {
		q.LastHeard = time.Unix(0, ns)
	}
	if l.config.RTT != nil {
		q.RTT = l.config.RTT()
	}
	return q
}

// Heard notes that the other side was heard by something below messages, such as
// the answer to a ping of the carrier's own.
func (l *Link) Heard() { l.lastHeard.Store(time.Now().UnixNano()) }

// Read implements link.Link.
func (l *Link) Read() (link.Frame, error) {
	if err := l.alive(); err != nil {
		return link.Frame{}, err
	}
	if l.failed != nil {
		return link.Frame{}, l.failed
	}
	message, err := l.receive()
	if ended := l.alive(); ended != nil {
		return link.Frame{}, ended
	}
	if err != nil {
		return link.Frame{}, l.readFailed(err)
	}
	limits := *l.limits.Load()
	if l.total += len(message); limits.StreamBytes > 0 && l.total > limits.StreamBytes {
		l.failed = &xmlstream.Error{Condition: xmlstream.PolicyViolation, Detail: "more than a stream may hold"}
		return link.Frame{}, l.failed
	}
	frame, err := Parse(message, limits, l.inside)
	if err != nil {
		l.failed = err // this end may still speak
		return link.Frame{}, err
	}
	switch frame.Kind {
	case link.Open:
		l.inside = true
	case link.Close:
		l.failed = io.EOF
	}
	return frame, nil
}

// receive reads one message, and notes when the peer has said its last.
func (l *Link) receive() ([]byte, error) {
	l.receiving.Lock()
	defer l.receiving.Unlock()
	select {
	case <-l.peerEnded:
		return nil, io.EOF
	default:
	}
	most := l.limits.Load().StanzaBytes
	if most <= 0 {
		most = xmlstream.DefaultLimits().StanzaBytes
	}
	message, err := l.conn.ReadMessage(most)
	if err != nil && !errors.Is(err, ErrTooLong) {
		l.heardEnd()
		return nil, err
	}
	l.lastHeard.Store(time.Now().UnixNano())
	if err != nil {
		l.in.Add(uint64(most))
		return nil, tooLong()
	}
	l.in.Add(uint64(len(message)))
	if len(message) < 2*len(Closing) {
		if frame, err := Parse(message, xmlstream.PreAuthLimits(), true); err == nil && frame.Kind == link.Close {
			l.heardEnd()
		}
	}
	return message, nil
}

func (l *Link) heardEnd() { l.heardOnce.Do(func() { close(l.peerEnded) }) }

// readFailed says why reading ended. A refused message leaves the link able to
// send; the end of the connection ends the link.
func (l *Link) readFailed(err error) error {
	var bad *xmlstream.Error
	if !errors.As(err, &bad) {
		// However the connection ended, there was no <close/>.
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		} else {
			err = fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, err)
		}
		l.End(err)
		if reason := l.alive(); reason != nil {
			err = reason
		}
	}
	l.failed = err
	return err
}

// SetLimits implements link.Link.
func (l *Link) SetLimits(limits xmlstream.Limits) {
	l.limits.Store(&limits)
	l.total = 0
}

// Restart implements link.Link. Messages are whole, so nothing of the old stream
// can be mistaken for the new one.
func (l *Link) Restart() error {
	l.inside, l.total = false, 0
	return nil
}

// alive is nil, or why nothing is read any more.
func (l *Link) alive() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reason == nil && l.closing {
		return link.ErrClosed
	}
	return l.reason
}
