package tcpmux

import (
	"crypto/tls"
	"net"
	"net/netip"
	"sync/atomic"
)

// transport is a TCP connection of the shared port. What was looked at is read again. It is read by one goroutine at a time.
type transport struct {
	net.Conn
	head    []byte // looked at, not yet read
	release func() // gives the place of the connection back; may be nil
	cert    atomic.Pointer[tls.Certificate]
}

func (t *transport) Read(b []byte) (int, error) {
	if len(t.head) > 0 {
		return again(&t.head, b), nil
	}
	return t.Conn.Read(b)
}

// again reads what was looked at.
func again(head *[]byte, b []byte) int {
	n := copy(b, *head)
	if *head = (*head)[n:]; len(*head) == 0 {
		*head = nil
	}
	return n
}

// CloseWrite ends this direction.
func (t *transport) CloseWrite() error {
	if h, ok := t.Conn.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return net.ErrClosed
}

// Close closes the connection and gives its place back.
func (t *transport) Close() error {
	if t.release != nil {
		t.release()
	}
	return t.Conn.Close()
}

// look reads until what begins here is known, at most maxHead bytes.
func look(c net.Conn) (head []byte, b beginning, err error) {
	head = make([]byte, 0, maxHead)
	for b == undecided {
		n, err := c.Read(head[len(head):maxHead])
		head = head[:len(head)+n]
		if b = classify(head); b == undecided && err != nil {
			return head, b, err
		}
	}
	return head, b, nil
}

// Conn is a connection of the shared port as its protocol gets it: TLS, where there is any, is established, and what Accept returns has the
// method ConnectionState then. Deadlines are not set.
type Conn struct {
	net.Conn // the transport, or TLS on it
	head     []byte
	raw      *transport
	tls      *tls.Conn // nil without TLS
}

// Read implements net.Conn.
func (c *Conn) Read(b []byte) (int, error) {
	if len(c.head) > 0 {
		return again(&c.head, b), nil
	}
	return c.Conn.Read(b)
}

// CloseWrite ends this direction.
func (c *Conn) CloseWrite() error {
	if c.tls != nil {
		return c.tls.CloseWrite()
	}
	return c.raw.CloseWrite()
}

// TLSConn is the established TLS, for channel binding and to end it in order; nil without TLS. Reading from it would miss what was looked at.
func (c *Conn) TLSConn() *tls.Conn { return c.tls }

// Certificate is what this end has shown; nil without TLS.
func (c *Conn) Certificate() *tls.Certificate { return c.raw.cert.Load() }

// secureConn is a Conn with TLS, which net/http and others know by this method.
type secureConn struct{ *Conn }

// ConnectionState is that of the finished handshake.
func (c secureConn) ConnectionState() tls.ConnectionState { return c.tls.ConnectionState() }

// remoteAddr is whose connection it is; zero for what is no TCP.
func remoteAddr(c net.Conn) netip.Addr {
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
