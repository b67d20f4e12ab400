package datachannel

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"godwit/link"
	"godwit/link/bytestream"
	"godwit/link/framing"
	"godwit/peer"
	"godwit/xmlstream"
)

// ErrTooLarge ends a link on which an element is to be sent that is larger than
// the other side takes.
var ErrTooLarge = errors.New("peer/datachannel: the stanza is larger than the other side takes in one message")

// channel is a reliable, ordered carrier of messages. Read is called by one
// goroutine at a time; the rest by any.
type channel interface {
	// Read waits for a message. When the buffer is too small it fails with
	// io.ErrShortBuffer and keeps the message.
	Read(buffer []byte) (int, error)
	// Write hands over a message without waiting.
	Write(message []byte) error
	// Buffered is what was handed over and not yet acknowledged, in bytes.
	Buffered() uint64
	// OnLow has f called when Buffered falls to a threshold or below it.
	OnLow(threshold uint64, f func())
	// Close releases the channel and all it stands on, and waits for that. What is
	// buffered is lost; a Read that waits returns.
	Close()
}

// Sizes of what is kept.
const (
	firstBuffer = 2 << 10   // what a reader waits with; most messages fit
	highWater   = 256 << 10 // bytes handed to SCTP and unacknowledged, at which sending waits
	lowWater    = 128 << 10
	maxScrap    = 1 << 20 // bytes read and dropped after Close
)

// largerBuffers are for messages that do not fit the first.
var largerBuffers = [...]int{32 << 10, maxMessage}

// directLink is a link.Link over a channel. The reader's fields belong to the
// goroutine that reads; what the queue is belongs to mu.
type directLink struct {
	config bytestream.Config
	ch     channel
	limit  int // largest message the peer takes, in bytes
	rtt    func() time.Duration
	path   atomic.Pointer[peer.Path]

	lastHeard atomic.Int64 // Unix nanoseconds
	in, out   atomic.Uint64

	// The reader's.
	limits xmlstream.Limits
	total  int // bytes read since the stream began
	inside bool
	failed error // nothing more is read

	receiving sync.Mutex    // held while ch.Read is called
	low       chan struct{} // capacity 1: Buffered has fallen
	ending    chan struct{} // closed with over
	done      chan struct{}
	peerEnded chan struct{} // closed when the peer's <close/> or end was heard
	heardOnce sync.Once
	cut       chan struct{} // closed when the channel has ended; what arrived before can still be read
	cutOnce   sync.Once

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

var _ link.Link = (*directLink)(nil)

// newLink makes a link of an open channel, which it owns. Limit is the largest
// message the peer takes.
func newLink(ch channel, config bytestream.Config, limit int, path peer.Path, rtt func() time.Duration) *directLink {
	if config.MaxQueued <= 0 {
		config.MaxQueued = bytestream.DefaultMaxQueued
	}
	if config.WriteTimeout <= 0 {
		config.WriteTimeout = bytestream.DefaultWriteTimeout
	}
	if config.CloseTimeout <= 0 {
		config.CloseTimeout = bytestream.DefaultCloseTimeout
	}
	l := &directLink{
		config: config, ch: ch, limit: limit, rtt: rtt, limits: xmlstream.DefaultLimits(),
		low: make(chan struct{}, 1), ending: make(chan struct{}), done: make(chan struct{}), peerEnded: make(chan struct{}),
		cut: make(chan struct{}),
	}
	if config.Limits != nil {
		l.limits = *config.Limits
	}
	l.path.Store(&path)
	ch.OnLow(lowWater, l.lowered)
	return l
}

func (l *directLink) lowered() {
	select {
	case l.low <- struct{}{}:
	default:
	}
}

// Kind implements link.Link.
func (l *directLink) Kind() link.Kind { return link.DirectDataChannel }

// LocalAddr implements link.Link.
func (l *directLink) LocalAddr() netip.AddrPort { return l.path.Load().Local }

// RemoteAddr implements link.Link.
func (l *directLink) RemoteAddr() netip.AddrPort { return l.path.Load().Remote }

// InheritedNS implements link.Link: every message is a document of its own.
func (l *directLink) InheritedNS() string { return "" }

// Done implements link.Link.
func (l *directLink) Done() <-chan struct{} { return l.done }

// Quality implements link.Link.
func (l *directLink) Quality() link.Quality {
	q := link.Quality{BytesIn: l.in.Load(), BytesOut: l.out.Load()}
	if ns := l.lastHeard.Load(); ns != 0 {
		q.LastHeard = time.Unix(0, ns)
	}
	if l.rtt != nil {
		q.RTT = l.rtt()
	}
	return q
}

// Read implements link.Link.
func (l *directLink) Read() (link.Frame, error) {
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
	if l.total += len(message); l.limits.StreamBytes > 0 && l.total > l.limits.StreamBytes {
		l.failed = &xmlstream.Error{Condition: xmlstream.PolicyViolation, Detail: "more than a stream may hold"}
		return link.Frame{}, l.failed
	}
	frame, err := framing.Parse(message, l.limits, l.inside)
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
func (l *directLink) receive() ([]byte, error) {
	l.receiving.Lock()
	defer l.receiving.Unlock()
	buffer := make([]byte, firstBuffer)
	n, err := l.ch.Read(buffer)
	for _, size := range largerBuffers {
		if !errors.Is(err, io.ErrShortBuffer) {
			break
		}
		buffer = make([]byte, size)
		n, err = l.ch.Read(buffer)
	}
	if errors.Is(err, io.ErrShortBuffer) {
		err = &xmlstream.Error{Condition: xmlstream.PolicyViolation, Detail: "the message is larger than announced"}
	}
	if err != nil {
		l.heardEnd()
		return nil, err
	}
	l.lastHeard.Store(time.Now().UnixNano())
	l.in.Add(uint64(n))
	if n < 2*len(framing.Closing) {
		if frame, err := framing.Parse(buffer[:n], xmlstream.DefaultLimits(), true); err == nil && frame.Kind == link.Close {
			l.heardEnd()
		}
	}
	return buffer[:n], nil
}

func (l *directLink) heardEnd() { l.heardOnce.Do(func() { close(l.peerEnded) }) }

// linger is how long a link whose channel has ended may still be read.
const linger = 2 * time.Second

// channelEnded is told that the channel is gone. Nothing is sent any more; a
// reader finds the end behind what arrived, and a link that nobody reads ends.
func (l *directLink) channelEnded() {
	l.cutOnce.Do(func() {
		close(l.cut)
		time.AfterFunc(linger, func() { l.end(io.ErrUnexpectedEOF) })
	})
}

// readFailed says why reading ended. A refused message leaves the link able to
// send; the end of the channel ends the link.
func (l *directLink) readFailed(err error) error {
	var bad *xmlstream.Error
	if !errors.As(err, &bad) {
		// However the channel ended, there was no <close/>.
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		} else {
			err = fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, err)
		}
		l.end(err)
		if reason := l.alive(); reason != nil {
			err = reason
		}
	}
	l.failed = err
	return err
}

// SetLimits implements link.Link.
func (l *directLink) SetLimits(limits xmlstream.Limits) { l.limits, l.total = limits, 0 }

// Restart implements link.Link. Messages are whole, so nothing of the old stream
// can be mistaken for the new one.
func (l *directLink) Restart() error {
	l.inside, l.total = false, 0
	return nil
}

// alive is nil, or why nothing is read any more.
func (l *directLink) alive() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reason == nil && l.closing {
		return link.ErrClosed
	}
	return l.reason
}
