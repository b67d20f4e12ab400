package stream

import (
	"sync"
	"time"

	"godwit/link"
	"godwit/stanza"
	"godwit/xep/sm"
)

// Stream is an authenticated stream with a resource, or a direct one between
// two clients.
//
// One goroutine at a time, the reader, calls Read. All other methods may be
// called by any goroutine and never wait for the peer.
type Stream struct {
	link   link.Link
	peer   Peer
	server *ServerConfig // nil on a client's end
	every  int           // request an acknowledgement after so many stanzas

	// Owned by the reader.
	pending []Event // found during negotiation, to be returned first
	acked   []Sent  // reused for Event.Acked
	seq     uint64  // number of the last stanza read
	readErr error   // what ended reading

	mu       sync.Mutex // guards all below; never held while waiting
	m        *Management
	first    uint64 // the stanza with Event.Seq first is number 1 in this epoch …
	before   uint64 // … to which m had received so many
	detached bool
	opened   bool // this end's header was sent
	holding  bool // negotiating: stanzas wait in held
	held     []Sent
	closed   bool
	since    int    // stanzas sent since the last request
	owed     bool   // a request waits until …
	owedAt   uint64 // … stanza owedAt (numbered in m) is handled
}

// defaultEvery is how often an acknowledgement is requested if nothing else is
// configured: seldom enough to cost little, often enough that a queue of
// unacknowledged stanzas stays short.
const defaultEvery = 16

func newStream(l link.Link, every int) *Stream {
	if every <= 0 {
		every = defaultEvery
	}
	return &Stream{link: l, every: every, holding: true}
}

// Peer is what the negotiation established about the other end. It does not
// change once Accept, Connect or Direct has returned.
func (s *Stream) Peer() *Peer { return &s.peer }

// Link is the link beneath, for its addresses and quality. Only the stream
// reads, writes and closes it.
func (s *Stream) Link() link.Link { return s.link }

// Send queues a stanza for the peer. It never waits. With acknowledgements the
// stanza is kept until the peer has it, whatever becomes of the link, so the
// only errors are ErrTooManyUnacked (the stream is closed, the stanza is not
// kept) and ErrDetached. Without them an error says that the stanza is lost.
func (s *Stream) Send(st *stanza.Stanza) error { return s.SendTagged(st, 0) }

// SendTagged is Send with a tag that comes back in Event.Acked.
func (s *Stream) SendTagged(st *stanza.Stanza, tag uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.detached {
		return ErrDetached
	}
	if s.holding {
		if len(s.held) >= maxHeld {
			return ErrTooManyUnacked
		}
		s.held = append(s.held, Sent{st, tag, time.Now()})
		return nil
	}
	out := Sent{Stanza: st, Tag: tag}
	if s.m != nil {
		out.At = time.Now()
	}
	return s.send(out)
}

// maxHeld bounds what is sent to a stream before its sign-in has ended.
const maxHeld = 4096

// send counts and writes a stanza; with mu held.
func (s *Stream) send(out Sent) error {
	if s.m != nil {
		if err := s.m.Push(out); err != nil {
			s.closeLocked(&Error{Condition: PolicyViolation, Text: "too much is unacknowledged", Cause: err})
			return err
		}
	}
	buf := getBuffer()
	defer putBuffer(buf)
	*buf = out.Stanza.Append((*buf)[:0], s.link.InheritedNS())
	err := s.link.Send(*buf)
	if s.m == nil {
		return err
	}
	// An error means that the link is ending, which the reader notices.
	if s.since++; s.since >= s.every {
		s.request()
	}
	return nil
}

// write hands rendered bytes to the link. An error means that the link is
// ending, which the reader notices and tells.
func (s *Stream) write(b []byte) { _ = s.link.Send(b) }

// SendRaw queues one rendered element that is not a stanza and not counted. It
// must be rendered for Link().InheritedNS().
func (s *Stream) SendRaw(element []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.holding {
		return ErrNegotiating
	}
	return s.link.Send(element)
}

// RequestAck asks the peer to acknowledge now (<r/>); every answer, even one
// that releases nothing, becomes an AckedEvent. So it is also the liveness
// probe. Without acknowledgements it does nothing and returns false.
func (s *Stream) RequestAck() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil || s.holding || s.closed {
		return false
	}
	s.request()
	return true
}

// request writes <r/>; with mu held.
func (s *Stream) request() {
	s.since = 0
	var b [64]byte
	s.write(sm.AppendRequest(b[:0]))
}

// answer writes <a/>; with mu held.
func (s *Stream) answer() {
	s.owed = false
	var b [64]byte
	s.write(sm.AppendAck(b[:0], s.m.H()))
}

// Handled says that everything stanza Event.Seq promises is durable, so it may
// be acknowledged. Stanzas may be handled in any order; the peer sees the
// unbroken row. Numbers of a stream that was detached are ignored: the peer has
// been told to send those stanzas again.
func (s *Stream) Handled(seq uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil || seq < s.first {
		return
	}
	if s.m.Handled(seq-s.first+1+s.before) && s.owed && s.m.handled >= s.owedAt && !s.closed {
		s.answer()
	}
}

// Managed reports whether acknowledgements are in force (XEP-0198).
func (s *Stream) Managed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m != nil
}

// Unacked is how many stanzas, and bytes, the peer has not acknowledged.
func (s *Stream) Unacked() (stanzas, bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil {
		return 0, 0
	}
	return s.m.Len(), s.m.Bytes()
}

// Queued is how many bytes wait to be written to the link.
func (s *Stream) Queued() int { return s.link.Queued() }

// InFlight is how many stanzas were read and are not yet Handled. A caller that
// hands them to something slow bounds itself by it.
func (s *Stream) InFlight() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m == nil {
		return 0
	}
	return s.m.InFlight()
}

// Detach takes the session off this stream: it returns the acknowledgement
// state, nil without XEP-0198, and from now on Send fails with ErrDetached and
// Handled is ignored. It does not close the stream. The second call returns
// nil.
func (s *Stream) Detach() *Management {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.m
	s.m, s.detached, s.owed = nil, true, false
	held := s.held
	s.held = nil
	if m == nil {
		return nil
	}
	m.detach()
	for _, h := range held {
		if m.Push(h) != nil {
			break
		}
	}
	return m
}

// attach puts acknowledgements in force; with mu held. The next stanza read is
// the first that counts.
func (s *Stream) attach(m *Management) {
	s.m, s.since = m, 0
	s.first, s.before = s.seq+1, m.received
}

// release ends the negotiation: what was sent meanwhile follows now. With mu
// held.
func (s *Stream) release() {
	s.holding = false
	if s.detached {
		return
	}
	held := s.held
	s.held = nil
	for _, h := range held {
		if s.send(h) != nil {
			return
		}
	}
}

// Close ends the stream: with a nil error regularly (</stream:stream>, the
// peer's session ends), with an *Error by that stream error, with any other
// error by internal-server-error, whose text is not sent. What is queued is
// flushed for a bounded time. It returns at once and is idempotent.
func (s *Stream) Close(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeLocked(err)
}

func (s *Stream) closeLocked(err error) {
	if s.closed {
		return
	}
	s.closed = true
	var final []byte
	if s.m != nil && !s.holding {
		// XEP-0198 §4: tell what was received before leaving.
		final = sm.AppendAck(final, s.m.H())
		if s.link.InheritedNS() == "" { // one element at a time
			s.write(final)
			final = nil
		}
	}
	if err != nil && !s.opened && s.server != nil {
		// RFC 6120 §4.9.1.2: even an error needs a header before it.
		s.opened = s.link.Open(link.Header{ID: newStreamID(), From: s.server.Domain.String(), Version: version}) == nil
	}
	if err != nil && s.opened {
		final = asError(err).append(final, s.link.InheritedNS())
	}
	_ = s.link.Close(final)
}

// open sends this end's header.
func (s *Stream) open(h link.Header) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return link.ErrClosed
	}
	s.opened = true
	return s.link.Open(h)
}

// reopen forgets this end's header: a new stream begins on the link.
func (s *Stream) reopen() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opened = false
}

// Abort cuts the link; the peer may resume.
func (s *Stream) Abort() { s.link.Abort() }

// buffers holds scratch space to render stanzas in. Large ones are dropped.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

func getBuffer() *[]byte { return buffers.Get().(*[]byte) }

func putBuffer(b *[]byte) {
	if cap(*b) <= 64<<10 {
		buffers.Put(b)
	}
}
