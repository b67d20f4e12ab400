package stream

import (
	"sync"

	"godwit/link"
	"godwit/stanza"
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
	maxOut int           // bound of what waits for acknowledgement

	// Owned by the reader.
	pending    []Event // found during negotiation, to be returned first
	acked      []Sent  // reused for Event.Acked
	seq        uint64  // last number given to a stanza on this stream
	readErr    error   // what ended reading
	smRefused  bool    // an <enable/> was answered already
	negotiated bool

	mu       sync.Mutex // guards all below; never held while waiting
	m        *Management
	base     uint64 // Event.Seq - base is the number in m
	detached bool
	holding  bool // negotiating: Send waits in held
	held     []heldItem
	closed   bool
	since    int    // stanzas sent since the last request
	owed     bool   // an <r/> waits until …
	owedAt   uint64 // … this stanza (numbered in m) is handled
}

type heldItem struct {
	sent Sent
	raw  []byte
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
	panic("unwritten")
}

// SendRaw queues one rendered element that is not a stanza and not counted. It
// must be rendered for Link().InheritedNS().
func (s *Stream) SendRaw(element []byte) error { panic("unwritten") }

// RequestAck asks the peer to acknowledge now (<r/>); every answer, even one
// that releases nothing, becomes an AckedEvent. So it is also the liveness
// probe. Without acknowledgements it does nothing and returns false.
func (s *Stream) RequestAck() bool { panic("unwritten") }

// Handled says that everything stanza Event.Seq promises is durable, so it may
// be acknowledged. Stanzas may be handled in any order; the peer sees the
// unbroken row. Numbers of a stream that was detached are ignored: the peer has
// been told to send those stanzas again.
func (s *Stream) Handled(seq uint64) { panic("unwritten") }

// Managed reports whether acknowledgements are in force (XEP-0198).
func (s *Stream) Managed() bool { panic("unwritten") }

// Unacked is how many stanzas, and bytes, the peer has not acknowledged.
func (s *Stream) Unacked() (stanzas, bytes int) { panic("unwritten") }

// Detach takes the session off this stream: it returns the acknowledgement
// state, nil without XEP-0198, and from now on Send fails with ErrDetached and
// Handled is ignored. It does not close the stream. The second call returns
// nil.
func (s *Stream) Detach() *Management { panic("unwritten") }

// Close ends the stream: with a nil error regularly (</stream:stream>, the
// peer's session ends), with an *Error by that stream error, with any other
// error by internal-server-error, whose text is not sent. What is queued is
// flushed for a bounded time. It returns at once and is idempotent.
func (s *Stream) Close(err error) { panic("unwritten") }

// Abort cuts the link; the peer may resume.
func (s *Stream) Abort() { s.link.Abort() }

// Read waits for the next event. Elements of stream management, keep-alives
// and the legacy session request (RFC 3921 §3) are dealt with inside. It ends
// with
//   - io.EOF: the peer closed its stream; the session is over,
//   - *Error: a stream error, Remote if the peer sent it,
//   - an error matching ErrLost: the link broke; the session may be resumed,
//   - link.ErrClosed after Close or Abort on this end.
//
// The link is closed when Read has failed.
func (s *Stream) Read() (Event, error) { panic("unwritten") }
