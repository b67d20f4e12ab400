package ws

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/net/idna"

	"godwit/link"
	"godwit/link/framing"
	"godwit/link/tlsstate"
)

// Path and port of Godwit's servers, for a server that tells nothing.
const (
	usualPath = "/xmpp-websocket"
	usualPort = 5443
)

// Dialer opens links to the server of a domain. It may be used by many
// goroutines.
type Dialer struct {
	// URL, if not "", is the WebSocket to connect to, "wss://…". The certificate
	// must be for its host. Nothing else is asked or tried.
	URL string
	// Server, if not "" and there is no URL, is "host" or "host:port" to connect to
	// without asking anything, at the path that is usual. The certificate must be
	// for the domain.
	Server string
	// TLS may hold authorities, pins or InsecureSkipVerify for tests. nil is the
	// default: the system's authorities.
	TLS *tls.Config
	// DialContext makes connections; nil is a net.Dialer.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// Attempt bounds each of several addresses tried, and each question about
	// them; 10 s.
	Attempt time.Duration
	// Link holds the bounds of every link; its addresses and kind are set.
	Link framing.Config
	// Pings find out that the server is gone.
	Pings Pings
}

var _ link.Dialer = (*Dialer)(nil)

const defaultAttempt = 10 * time.Second

// keepAlive finds dead peers that are silent.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 2 * time.Minute, Interval: 30 * time.Second, Count: 5}

// A target is a WebSocket to try.
type target struct {
	url  string
	name string // what the certificate must be for; "" is the host of url
}

// Dial implements link.Dialer. Without URL and Server the domain is asked where
// its WebSockets are (XEP-0156), in a way that proves to be the domain's, and they
// are tried in that order; a domain that tells nothing is tried where Godwit's
// servers are.
func (d *Dialer) Dial(ctx context.Context, domain string) (link.Link, error) {
	ascii, err := asciiDomain(domain)
	if err != nil {
		return nil, fmt.Errorf("ws: domain %q: %w", domain, err)
	}
	targets, asked := d.targets(ctx, ascii)
	errs := []error{asked}
	for _, t := range targets {
		l, err := d.try(ctx, t)
		if err == nil {
			return l, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", t.url, err))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("ws: no server of %s could be reached: %w", domain, errors.Join(errs...))
}

// asciiDomain is the domain as DNS and certificates know it. Addresses stay as
// they are, without the brackets of a JID.
func asciiDomain(domain string) (string, error) {
	if literal := strings.Trim(domain, "[]"); net.ParseIP(literal) != nil {
		return literal, nil
	}
	return idna.Lookup.ToASCII(domain)
}

// targets are the WebSockets to try. The error says why the domain told none.
func (d *Dialer) targets(ctx context.Context, domain string) ([]target, error) {
	switch {
	case d.URL != "":
		if err := CheckURL(d.URL); err != nil {
			return nil, err
		}
		return []target{{url: d.URL}}, nil
	case d.Server != "":
		return []target{{"wss://" + withUsualPort(d.Server) + usualPath, domain}}, nil
	}
	found, err := d.discover(ctx, domain)
	if len(found) > 0 {
		return found, nil
	}
	return []target{{"wss://" + withUsualPort(domain) + usualPath, ""}}, err
}

// CheckURL reports what is wrong with the address of a WebSocket.
func CheckURL(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "wss" || u.Host == "" || u.User != nil || u.Fragment != "" {
		return fmt.Errorf("ws: %q is not the address of a WebSocket with TLS, such as wss://chat.example.org%s", address, usualPath)
	}
	return nil
}

// withUsualPort completes "host" or "host:port".
func withUsualPort(server string) string {
	host, port, err := net.SplitHostPort(server)
	switch {
	case err != nil:
		host, port = strings.Trim(server, "[]"), ""
	case port != "":
		return server
	}
	return net.JoinHostPort(host, strconv.Itoa(usualPort))
}

// config is the TLS of one connection; name is whom the certificate must be for.
func (d *Dialer) config(name string) *tls.Config {
	c := &tls.Config{}
	if d.TLS != nil {
		c = d.TLS.Clone()
	}
	c.MinVersion = max(c.MinVersion, tls.VersionTLS12)
	if c.ServerName == "" {
		c.ServerName = name
	}
	c.NextProtos = []string{"http/1.1"} // of which alone a WebSocket can be made
	return c
}

// dialed is the connection that a WebSocket was made on.
type dialed struct {
	mu   sync.Mutex // guards conn
	conn *tls.Conn
}

// transport makes connections for one purpose. They are not kept, but for one that
// became a WebSocket. The last one made is noted in last.
func (d *Dialer) transport(name string, last *dialed) *http.Transport {
	dial := d.DialContext
	if dial == nil {
		dial = (&net.Dialer{KeepAliveConfig: keepAlive}).DialContext
	}
	return &http.Transport{
		DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			host, _, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			if name != "" {
				host = name
			}
			raw, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			c := tls.Client(raw, d.config(host))
			if err := c.HandshakeContext(ctx); err != nil {
				raw.Close()
				return nil, fmt.Errorf("TLS handshake: %w", err)
			}
			last.mu.Lock()
			last.conn = c
			last.mu.Unlock()
			return c, nil
		},
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("ws: a connection without TLS")
		},
		DisableKeepAlives: true, MaxResponseHeaderBytes: 16 << 10, DisableCompression: true,
	}
}

func (d *Dialer) attempt(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := d.Attempt
	if limit <= 0 {
		limit = defaultAttempt
	}
	return context.WithTimeout(ctx, limit)
}

// try connects to one WebSocket.
func (d *Dialer) try(ctx context.Context, t target) (*Link, error) {
	ctx, cancel := d.attempt(ctx)
	defer cancel()
	last := &dialed{}
	client := &http.Client{
		Transport:     d.transport(t.name, last),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	socket, answer, err := websocket.Dial(ctx, t.url, &websocket.DialOptions{
		HTTPClient: client, Subprotocols: []string{Subprotocol}, CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		if answer != nil && answer.StatusCode != http.StatusSwitchingProtocols {
			return nil, fmt.Errorf("the server answered %q: %w", answer.Status, err)
		}
		return nil, err
	}
	last.mu.Lock()
	c := last.conn
	last.mu.Unlock()
	if socket.Subprotocol() != Subprotocol || c == nil {
		socket.CloseNow()
		return nil, errors.New("the server there does not speak XMPP (subprotocol)")
	}
	state := c.ConnectionState()
	fc := d.Link
	fc.Local, fc.Remote = addrPort(c.LocalAddr()), addrPort(c.RemoteAddr())
	config := d.TLS
	if config == nil {
		config = &tls.Config{}
	}
	return newLink(newConn(socket, c.NetConn(), func() {}), &state, tlsstate.Verifies(config), fc, d.Pings), nil
}
