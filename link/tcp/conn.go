package tcp

import (
	"crypto/tls"
	"net"
	"net/netip"
	"sync/atomic"
	"time"
)

// conn is a TCP connection as TLS and bytestream see it. It remembers which
// certificate TLS presented on it.
type conn struct {
	net.Conn
	cert    atomic.Pointer[tls.Certificate]
	release func() // gives back the place in a limiter; may be nil
}

// CloseWrite ends this direction.
func (c *conn) CloseWrite() error {
	if h, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return h.CloseWrite()
	}
	return net.ErrClosed
}

// Close closes the connection and gives its place back.
func (c *conn) Close() error {
	if c.release != nil {
		c.release()
	}
	return c.Conn.Close()
}

// Abort closes at once.
func (c *conn) Abort() error { return c.Close() }

// secureConn is TLS on a conn.
type secureConn struct {
	*tls.Conn
	raw *conn
}

// CloseWrite says goodbye in TLS and ends this direction of TCP.
func (c *secureConn) CloseWrite() error {
	c.Conn.SetWriteDeadline(time.Now().Add(farewellTimeout))
	if err := c.Conn.CloseWrite(); err != nil {
		return err
	}
	return c.raw.CloseWrite()
}

// Abort closes at once; tls.Conn.Close would first wait to say goodbye.
func (c *secureConn) Abort() error { return c.raw.Abort() }

// Established is a connection that comes to a Listener with TLS done already, as
// a port shared with other protocols hands them over. TLSConn is that TLS, or
// nil when the connection is unencrypted; reading goes through the connection
// itself, which may have bytes in front. Certificate is what this end presented.
type Established interface {
	net.Conn
	TLSConn() *tls.Conn
	Certificate() *tls.Certificate
}

// establishedConn is an Established with TLS, closed like a secureConn.
type establishedConn struct {
	net.Conn
	tls *secureConn
}

// CloseWrite says goodbye in TLS and ends this direction of TCP.
func (c *establishedConn) CloseWrite() error { return c.tls.CloseWrite() }

// Abort closes at once.
func (c *establishedConn) Abort() error { return c.tls.Abort() }

// Close says goodbye and closes.
func (c *establishedConn) Close() error { return c.tls.Close() }

// farewellTimeout bounds the close_notify alert.
const farewellTimeout = 5 * time.Second

func addrPort(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		ap := t.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}
