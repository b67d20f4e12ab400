package tcp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"godwit/link"
	"godwit/link/bytestream"
	"godwit/link/tlsstate"
)

// Link is a link over TCP. It is encrypted from the first byte, or can be
// upgraded once.
type Link struct {
	*bytestream.Link
	raw    *conn
	config *tls.Config // nil: never encrypted
	server bool
	tls    atomic.Pointer[tls.Conn] // set once encrypted
}

var (
	_ link.Link     = (*Link)(nil)
	_ link.Secured  = (*Link)(nil)
	_ link.Upgrader = (*Link)(nil)
)

// newLink wraps a connection. With direct, TLS begins with the first byte: on a
// server the handshake is done by the first Read, so that accepting never waits
// for a client.
func newLink(raw *conn, config *tls.Config, server, direct bool, bc bytestream.Config) *Link {
	l := &Link{raw: raw, config: config, server: server}
	bc.Local, bc.Remote = addrPort(raw.LocalAddr()), addrPort(raw.RemoteAddr())
	if !direct {
		bc.Kind = link.TCP
		l.Link = bytestream.New(raw, bc)
		return l
	}
	bc.Kind = link.TLS
	sc := l.secure(raw)
	l.tls.Store(sc.Conn)
	l.Link = bytestream.New(sc, bc)
	return l
}

// establishedLink wraps what came with TLS done, or without and may be upgraded.
func establishedLink(c Established, config *tls.Config, release func(), bc bytestream.Config) *Link {
	established := c.TLSConn()
	if established == nil {
		return newLink(&conn{Conn: c, release: release}, config, true, false, bc)
	}
	raw := &conn{Conn: established.NetConn(), release: release}
	raw.cert.Store(c.Certificate())
	l := &Link{raw: raw, config: config, server: true}
	bc.Local, bc.Remote, bc.Kind = addrPort(raw.LocalAddr()), addrPort(raw.RemoteAddr()), link.TLS
	l.tls.Store(established)
	l.Link = bytestream.New(&establishedConn{Conn: c, tls: &secureConn{established, raw}}, bc)
	return l
}

func (l *Link) secure(raw *conn) *secureConn {
	if l.server {
		return &secureConn{tls.Server(raw, l.config), raw}
	}
	return &secureConn{tls.Client(raw, l.config), raw}
}

// CanStartTLS implements link.Upgrader.
func (l *Link) CanStartTLS() bool { return l.config != nil && l.tls.Load() == nil }

// StartTLS implements link.Upgrader.
func (l *Link) StartTLS(ctx context.Context, proceed []byte) error {
	if !l.CanStartTLS() {
		return errors.New("tcp: this link can not begin TLS")
	}
	return l.Upgrade(ctx, proceed, func(io.ReadWriteCloser) (io.ReadWriteCloser, error) {
		sc := l.secure(l.raw)
		if err := sc.HandshakeContext(ctx); err != nil {
			return nil, fmt.Errorf("tcp: TLS handshake: %w", err)
		}
		l.tls.Store(sc.Conn)
		return sc, nil
	})
}

// Handshake finishes the TLS handshake of a direct link, which the first Read
// would otherwise do. Without TLS it does nothing.
func (l *Link) Handshake(ctx context.Context) error {
	if c := l.tls.Load(); c != nil {
		return c.HandshakeContext(ctx)
	}
	return nil
}

// state is the finished handshake's, or nil.
func (l *Link) state() *tls.ConnectionState {
	c := l.tls.Load()
	if c == nil {
		return nil
	}
	s := c.ConnectionState()
	if !s.HandshakeComplete {
		return nil
	}
	return &s
}

// TLS implements link.Secured. On a direct link it is the zero value until the
// handshake is finished, which the first frame read proves.
func (l *Link) TLS() link.TLSInfo {
	s := l.state()
	if s == nil {
		return link.TLSInfo{}
	}
	return tlsstate.Info(s, !l.server && tlsstate.Verifies(l.config))
}

// ChannelBinding implements link.Secured.
func (l *Link) ChannelBinding(kind string) ([]byte, bool) {
	s := l.state()
	if s == nil {
		return nil, false
	}
	switch kind {
	case link.TLSExporter:
		return tlsstate.Exporter(s)
	case link.TLSServerEndPoint:
		if l.server {
			return tlsstate.OwnEndPoint(l.raw.cert.Load())
		}
		if len(s.PeerCertificates) == 0 {
			return nil, false
		}
		return tlsstate.EndPoint(s.PeerCertificates[0])
	}
	return nil, false
}
