package ws

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"godwit/link"
	"godwit/link/framing"
	"godwit/link/tlsstate"
)

// Subprotocol is the name of XMPP in a WebSocket's handshake (RFC 7395 §3.1).
const Subprotocol = "xmpp"

// Defaults of keep-alive.
const (
	DefaultPingEvery   = time.Minute
	DefaultPingTimeout = 45 * time.Second
)

// ErrSilent ends a link whose other side did not answer a ping.
var ErrSilent = errors.New("ws: no answer to a ping")

// Pings says how a silent connection is kept alive, and found dead. The zero value
// of each field is its default.
type Pings struct {
	// Every is how long nothing may be heard before a ping is sent.
	Every time.Duration
	// Timeout is how long its answer may take.
	Timeout time.Duration
}

// Link is a link over a WebSocket.
type Link struct {
	*framing.Link
	state    *tls.ConnectionState // nil: not encrypted
	verified bool                 // the client's configuration checks certificates
	conn     *conn
	pings    Pings
	rtt      *atomic.Int64 // nanoseconds

	mu    sync.Mutex // guards the rest
	timer *time.Timer
	over  bool
}

var (
	_ link.Link    = (*Link)(nil)
	_ link.Secured = (*Link)(nil)
)

// newLink makes a link of an open WebSocket and keeps it alive.
func newLink(c *conn, state *tls.ConnectionState, verified bool, fc framing.Config, pings Pings) *Link {
	if pings.Every <= 0 {
		pings.Every = DefaultPingEvery
	}
	if pings.Timeout <= 0 {
		pings.Timeout = DefaultPingTimeout
	}
	rtt := &atomic.Int64{}
	fc.Kind = link.WebSocket
	fc.RTT = func() time.Duration { return time.Duration(rtt.Load()) }
	l := &Link{state: state, verified: verified, conn: c, pings: pings, rtt: rtt}
	release := c.release
	c.release = func() {
		l.mu.Lock()
		l.over = true
		if l.timer != nil {
			l.timer.Stop()
		}
		l.mu.Unlock()
		release()
	}
	l.Link = framing.New(c, fc)
	l.wait(pings.Every)
	return l
}

// wait looks after the other side again after some time.
func (l *Link) wait(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.over {
		l.timer = time.AfterFunc(d, l.look)
	}
}

// look pings the other side if it has been silent.
func (l *Link) look() {
	if heard := l.Quality().LastHeard; !heard.IsZero() {
		if left := l.pings.Every - time.Since(heard); left > 0 {
			l.wait(left)
			return
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), l.pings.Timeout)
	defer cancel()
	before := time.Now()
	if err := l.conn.ws.Ping(ctx); err != nil {
		if ctx.Err() != nil {
			l.End(ErrSilent)
		}
		return // else it is over, and whoever reads knows
	}
	l.rtt.Store(int64(time.Since(before)))
	l.Heard()
	l.wait(l.pings.Every)
}

// TLS implements link.Secured.
func (l *Link) TLS() link.TLSInfo {
	if l.state == nil {
		return link.TLSInfo{}
	}
	return tlsstate.Info(l.state, l.verified)
}

// ChannelBinding implements link.Secured. Of the two types there is tls-exporter:
// a page knows neither, and other clients have it wherever they have TLS 1.3.
func (l *Link) ChannelBinding(kind string) ([]byte, bool) {
	if l.state == nil || kind != link.TLSExporter {
		return nil, false
	}
	return tlsstate.Exporter(l.state)
}

// below is the connection under TLS.
func below(c net.Conn) net.Conn {
	if t, ok := c.(interface{ NetConn() net.Conn }); ok {
		return t.NetConn()
	}
	return c
}

func addrPort(a net.Addr) netip.AddrPort {
	if t, ok := a.(*net.TCPAddr); ok {
		ap := t.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}
