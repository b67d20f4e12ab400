package tcp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"godwit/link"
	"godwit/link/bytestream"
)

// ListenConfig says how connections are received.
type ListenConfig struct {
	// TLS holds the certificate; reload it by GetCertificate. Required for
	// Direct; without it links are never encrypted.
	TLS *tls.Config
	// Direct: TLS from the first byte (XEP-0368) instead of STARTTLS.
	Direct bool
	// Connections, if not nil, bounds them. One that is over the bound is
	// closed at once.
	Connections *link.AddressLimiter
	// Refused, if not nil, is told about each such connection.
	Refused func(remote net.Addr)
	// Link holds the bounds of every link; its addresses and kind are set.
	Link bytestream.Config
}

// Listener receives links from clients.
type Listener struct {
	net    net.Listener
	cfg    ListenConfig
	config *tls.Config
}

// keepAlive finds dead peers that are silent: within about five minutes, at the
// cost of a packet every two.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 2 * time.Minute, Interval: 30 * time.Second, Count: 5}

// Listen opens a listener on address "host:port".
func Listen(ctx context.Context, address string, cfg ListenConfig) (*Listener, error) {
	lc := net.ListenConfig{KeepAliveConfig: keepAlive}
	n, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("tcp: %w", err)
	}
	l, err := NewListener(n, cfg)
	if err != nil {
		n.Close()
		return nil, err
	}
	return l, nil
}

// NewListener receives links from any stream listener, which it owns. Where its
// connections are Established, TLS is done already or may be begun by STARTTLS,
// each as it comes; Direct must not be set.
func NewListener(n net.Listener, cfg ListenConfig) (*Listener, error) {
	l := &Listener{net: n, cfg: cfg}
	if cfg.TLS == nil {
		if cfg.Direct {
			return nil, errors.New("tcp: direct TLS without a TLS configuration")
		}
		return l, nil
	}
	var err error
	l.config, err = serverConfig(cfg.TLS, cfg.Direct)
	return l, err
}

// Addr is where the listener listens.
func (l *Listener) Addr() net.Addr { return l.net.Addr() }

// Close stops listening; links stay. Accept then returns net.ErrClosed.
func (l *Listener) Close() error { return l.net.Close() }

// Accept waits for the next link. It never waits for what a client does: a
// direct link's handshake is done by its first Read. Errors that pass, such as
// too many open files, are waited out with a growing pause; an error returned
// means that the listener is of no more use.
func (l *Listener) Accept() (link.Link, error) {
	var pause time.Duration
	for {
		c, err := l.net.Accept()
		if err != nil {
			var ne net.Error
			if errors.Is(err, net.ErrClosed) || !errors.As(err, &ne) {
				return nil, err
			}
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			time.Sleep(pause)
			continue
		}
		pause = 0
		if lk, ok := l.admit(c); ok {
			return lk, nil
		}
	}
}

func (l *Listener) admit(c net.Conn) (link.Link, bool) {
	raw := &conn{Conn: c}
	if lim := l.cfg.Connections; lim != nil {
		release, ok := lim.Acquire(addrPort(c.RemoteAddr()).Addr())
		if !ok {
			c.Close()
			if l.cfg.Refused != nil {
				l.cfg.Refused(c.RemoteAddr())
			}
			return nil, false
		}
		raw.release = release
	}
	if e, ok := c.(Established); ok {
		return establishedLink(e, l.config, raw.release, l.cfg.Link), true
	}
	return newLink(raw, l.config, true, l.cfg.Direct, l.cfg.Link), true
}
