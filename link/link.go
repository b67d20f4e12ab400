package link

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"godwit/xmlstream"
)

// Kind names a transport, as shown to operators and written to logs.
type Kind string

// The kinds of link there are.
const (
	TCP               Kind = "tcp"                // RFC 6120 over TCP, with or without STARTTLS
	TLS               Kind = "tls"                // RFC 6120 over direct TLS (XEP-0368)
	WebSocket         Kind = "ws"                 // RFC 7395
	QUIC              Kind = "quic"               // RFC 6120 on one QUIC stream (XEP-0467)
	DirectQUIC        Kind = "direct-quic"        // client to client, QUIC on a punched socket
	DirectDataChannel Kind = "direct-datachannel" // client to client, WebRTC data channel
	Memory            Kind = "memory"             // both ends in one process, for tests
)

// Direct reports whether links of this kind join two clients without a server
// between them.
func (k Kind) Direct() bool { return k == DirectQUIC || k == DirectDataChannel }

// Errors that end a link. Read reports them; they are matched with errors.Is.
var (
	// ErrOverflow: the peer did not take what was queued for it and the
	// queue's bound in bytes was reached. The link is aborted.
	ErrOverflow = errors.New("link: the peer is too slow, the send queue is full")
	// ErrWriteTimeout: the peer's transport accepted nothing for the whole
	// write deadline. The link is aborted.
	ErrWriteTimeout = errors.New("link: the peer accepts no data")
	// ErrClosed: this end closed or aborted the link.
	ErrClosed = errors.New("link: closed by this end")
	// ErrInjected: bytes followed an element that must be the last one before
	// a new security layer or a new stream (RFC 6120 §5.3.2). They may have
	// been put there by somebody on the path, so nothing may act on them.
	ErrInjected = errors.New("link: unexpected bytes before the new layer")
)

// Header is a stream header: <stream:stream> on byte streams, <open/> on
// WebSocket (RFC 6120 §4.7, RFC 7395 §3.3). Addresses are as received, not yet
// checked. An absent attribute is the empty string.
type Header struct {
	To, From string
	ID       string
	Version  string
	Lang     string
}

// FrameKind tells what a Frame carries.
type FrameKind uint8

// The kinds of frame.
const (
	// Open is a stream header; Frame.Header is set.
	Open FrameKind = iota + 1
	// Element is one whole child of the stream root; Frame.Element is set.
	Element
	// Close is the regular end of the stream: </stream:stream> or <close/>.
	// A link that ends without it was cut.
	Close
)

func (k FrameKind) String() string {
	switch k {
	case Open:
		return "open"
	case Element:
		return "element"
	case Close:
		return "close"
	}
	return "unknown frame"
}

// Frame is one unit read from a link.
type Frame struct {
	Kind    FrameKind
	Header  Header            // for Open
	Element xmlstream.Element // for Element; immutable, may be kept
}

// Quality is what a link measured about itself.
type Quality struct {
	// RTT is the transport's own estimate of the round trip; 0 when the
	// transport has none.
	RTT time.Duration
	// LastHeard is when bytes last arrived, a whitespace keep-alive included
	// (RFC 6120 §4.6.1); the zero time before the first byte.
	LastHeard time.Time
	// BytesIn and BytesOut count payload bytes above encryption.
	BytesIn, BytesOut uint64
}

// Link is one connection that carries framed XML.
//
// One goroutine at a time, the reader, calls Read, Restart, SetLimits and
// Upgrader.StartTLS. All other methods may be called by any goroutine at any time.
type Link interface {
	Kind() Kind
	// LocalAddr and RemoteAddr are the addresses of this connection as
	// observed; the zero AddrPort where the transport has none.
	LocalAddr() netip.AddrPort
	RemoteAddr() netip.AddrPort

	// Read waits for the next frame. It fails with
	//   - *xmlstream.Error when the peer's bytes are refused (the caller may
	//     still send; nothing more will be read),
	//   - io.ErrUnexpectedEOF when the transport ended without a Close frame,
	//   - io.EOF after a Close frame,
	//   - ErrOverflow, ErrWriteTimeout or ErrClosed when this end gave up,
	//   - any other error of the transport.
	// While it waits between elements the link holds no buffer.
	Read() (Frame, error)

	// Open queues this end's stream header.
	Open(Header) error
	// Send queues whole elements, rendered with Append(…, InheritedNS()). On
	// links that frame one element each (InheritedNS() == "") every call must
	// carry exactly one. It never waits for the peer and keeps no reference
	// to the bytes. When the bound of the queue is exceeded the link is
	// aborted and ErrOverflow returned; after the end it returns the reason.
	Send(elements []byte) error
	// InheritedNS is the default namespace in force where an element is
	// written: "jabber:client" on byte streams, "" where every element is a
	// document of its own.
	InheritedNS() string

	// Restart forgets the stream: the next frame must be an Open again. Used
	// after SASL success (RFC 6120 §6.3.2). It fails with ErrInjected when the
	// peer's bytes beyond the last element are already here.
	Restart() error
	// SetLimits replaces the bounds on what is read from now on.
	SetLimits(xmlstream.Limits)
	// Queued is the number of bytes accepted by Send and not yet handed to
	// the transport.
	Queued() int

	// Close queues the final elements (a stream error, may be nil) and the end
	// of the stream (</stream:stream> or <close/>; only when Open was called
	// before), flushes for at most a bounded time and closes the transport. It
	// returns at once; Done tells when the transport is gone. Idempotent.
	Close(final []byte) error
	// Abort closes the transport now; what is queued is lost.
	Abort()
	// Done is closed when the transport is closed and no goroutine of the link
	// is left but a reader about to return.
	Done() <-chan struct{}

	Quality() Quality
}

// TLSInfo describes an encrypted link.
type TLSInfo struct {
	Version string // "TLS 1.3"; empty when the link is not encrypted
	Cipher  string // IANA name of the cipher suite
	// PeerVerified: the peer's certificate was checked, by the public roots, a
	// configured authority or a pinned fingerprint.
	PeerVerified bool
}

// Channel binding types (RFC 5929, RFC 9266).
const (
	TLSExporter       = "tls-exporter"
	TLSServerEndPoint = "tls-server-end-point"
)

// Secured is implemented by links that are or can become encrypted. A link
// without it is not encrypted, unless its Kind says that the layer below
// authenticated both ends (Direct).
type Secured interface {
	// TLS reports the encryption in force; the zero value when there is none.
	TLS() TLSInfo
	// ChannelBinding returns the data that binds an authentication to this
	// very channel, or false when the channel cannot provide that type safely
	// (tls-exporter needs TLS 1.3, or TLS 1.2 with extended master secret).
	ChannelBinding(kind string) ([]byte, bool)
}

// Upgrader is implemented by links that can negotiate TLS in place.
type Upgrader interface {
	// CanStartTLS reports whether StartTLS would be tried: the link is
	// configured for TLS and not yet encrypted.
	CanStartTLS() bool
	// StartTLS replaces the transport by TLS on it. Called by the reader when
	// the last element read was <starttls/> (server: proceed holds the
	// <proceed/> element, which is sent unencrypted first) or <proceed/>
	// (client: nil). It fails with ErrInjected, and sends nothing, when bytes
	// beyond that element are already here. Afterwards the stream begins anew,
	// as after Restart. The context bounds the handshake.
	StartTLS(ctx context.Context, proceed []byte) error
}

// Dialer opens links to the server of a domain.
type Dialer interface {
	// Dial resolves the domain, connects and returns a link on which nothing
	// has been said. The context bounds all of it.
	Dial(ctx context.Context, domain string) (Link, error)
}

// Secure reports the encryption of a link; ok is false when there is none.
func Secure(l Link) (info TLSInfo, ok bool) {
	s, is := l.(Secured)
	if !is {
		return TLSInfo{}, false
	}
	info = s.TLS()
	return info, info.Version != ""
}
