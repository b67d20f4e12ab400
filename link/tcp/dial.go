package tcp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"godwit/link"
	"godwit/link/bytestream"
)

// Mode says how a Dialer encrypts.
type Mode uint8

// The modes.
const (
	// Any takes what DNS says. Where it says nothing, or a host without a port
	// is given, STARTTLS on 5222 and direct TLS on 5223 are tried. A port that
	// is given decides: 443 and 5223 are direct TLS, others STARTTLS.
	Any Mode = iota
	// StartTLS uses only links that begin unencrypted (RFC 6120 §5).
	StartTLS
	// DirectTLS uses only links encrypted from the first byte (XEP-0368).
	DirectTLS
)

// Dialer opens links to the server of a domain. It may be used by many
// goroutines, and must not be copied after first use.
type Dialer struct {
	// TLS may hold authorities, pins or InsecureSkipVerify for tests. The name
	// verified is the domain's unless ServerName is set. nil is the default:
	// the system's authorities.
	TLS *tls.Config
	// Server, if not "", is "host", "host:port" or "[address]:port" to connect
	// to without asking DNS for the domain.
	Server string
	Mode   Mode
	// Resolver finds SRV records; nil is net.DefaultResolver.
	Resolver Resolver
	// DialContext makes connections; nil is a net.Dialer, which tries IPv6 and
	// IPv4 side by side (RFC 8305).
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
	// Attempt bounds each of several addresses tried; 10 s.
	Attempt time.Duration
	// Stagger is how long one address may keep the next waiting; 1 s.
	Stagger time.Duration
	// Link holds the bounds of every link; its addresses and kind are set.
	Link bytestream.Config

	past past
}

var _ link.Dialer = (*Dialer)(nil)

const defaultAttempt = 10 * time.Second

// Dial implements link.Dialer. Targets are tried in their order, each a while
// after the one before or as soon as that fails, until one connects (and, with
// direct TLS, proves to be the domain's); see race. When none does, the error
// joins what each said.
func (d *Dialer) Dial(ctx context.Context, domain string) (link.Link, error) {
	ascii, err := asciiDomain(domain)
	if err != nil {
		return nil, fmt.Errorf("tcp: domain %q: %w", domain, err)
	}
	targets, err := d.targets(ctx, ascii)
	if err != nil {
		return nil, err
	}
	l, t, err := d.race(ctx, targets, ascii)
	if err != nil {
		return nil, fmt.Errorf("tcp: no server of %s could be reached: %w", domain, err)
	}
	d.past.note(l, t)
	return l, nil
}

// asciiDomain is the domain as DNS and certificates know it. Addresses stay as
// they are, without the brackets of a JID.
func asciiDomain(domain string) (string, error) {
	if literal := strings.Trim(domain, "[]"); net.ParseIP(literal) != nil {
		return literal, nil
	}
	return idna.Lookup.ToASCII(domain)
}

// targets are the ways to try: what the user or DNS says, and then port 443.
func (d *Dialer) targets(ctx context.Context, domain string) ([]target, error) {
	if d.Server != "" {
		return d.given(d.Server)
	}
	if net.ParseIP(domain) != nil {
		return d.given(net.JoinHostPort(domain, ""))
	}
	var r Resolver = net.DefaultResolver
	if d.Resolver != nil {
		r = d.Resolver
	}
	all, err := lookup(ctx, r, domain, uniform)
	if err != nil {
		return nil, err
	}
	var hosts []string
	var wanted []target
	for _, t := range all {
		if d.Mode == Any || t.direct == (d.Mode == DirectTLS) {
			wanted = append(wanted, t)
			hosts = append(hosts, t.host)
		}
	}
	if len(wanted) == 0 {
		wanted = d.usual(domain)
	}
	return d.withRescue(wanted, append(hosts, domain)), nil
}

// given is what the user said: a host with a port is that and nothing else.
func (d *Dialer) given(server string) ([]target, error) {
	t, err := fixed(server)
	if err != nil || t.port == 0 {
		return d.withRescue(d.usual(t.host), []string{t.host}), err
	}
	t.direct = d.Mode == DirectTLS || d.Mode == Any && (t.port == directPort || t.port == rescuePort)
	return []target{t}, nil
}

// Ports that are usual: of RFC 6120 §14.7, of direct TLS, and the one that even
// strict networks let out.
const (
	startPort  = 5222
	directPort = 5223
	rescuePort = 443
)

// usual are the ways to a host of which nothing else is known.
func (d *Dialer) usual(host string) []target {
	start, direct := target{host: host, port: startPort}, target{host: host, port: directPort, direct: true}
	switch d.Mode {
	case StartTLS:
		return []target{start}
	case DirectTLS:
		return []target{direct}
	}
	return []target{start, direct}
}

// maxRescue bounds on how many hosts port 443 is tried.
const maxRescue = 3

// withRescue adds direct TLS on port 443 of the first hosts and of the last, the
// domain itself, which often is somebody's web server.
func (d *Dialer) withRescue(targets []target, hosts []string) []target {
	if d.Mode == StartTLS {
		return targets
	}
	if n := len(hosts); n > maxRescue {
		hosts = append(hosts[:maxRescue-1:maxRescue-1], hosts[n-1])
	}
	for _, host := range hosts {
		t := target{host: host, port: rescuePort, direct: true, rescue: true}
		known := func(o target) bool { return o.host == t.host && o.port == t.port && o.direct }
		if !slices.ContainsFunc(targets, known) {
			targets = append(targets, t)
		}
	}
	return targets
}

// fixed reads "host", "host:port" or "[address]:port"; port 0 is none.
func fixed(server string) (target, error) {
	host, port, err := net.SplitHostPort(server)
	if err != nil {
		if net.ParseIP(strings.Trim(server, "[]")) == nil && strings.Contains(server, ":") {
			return target{}, fmt.Errorf("tcp: server %q: %w", server, err)
		}
		return target{host: strings.Trim(server, "[]")}, nil
	}
	if port == "" {
		return target{host: host}, nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return target{}, fmt.Errorf("tcp: server %q: the port is not a number from 1 to 65535", server)
	}
	return target{host: host, port: uint16(n)}, nil
}

// try connects to one target.
func (d *Dialer) try(ctx context.Context, t target, domain string) (*Link, error) {
	limit := d.Attempt
	if limit <= 0 {
		limit = defaultAttempt
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	dial := d.DialContext
	if dial == nil {
		dial = (&net.Dialer{KeepAliveConfig: keepAlive}).DialContext
	}
	c, err := dial(ctx, "tcp", t.address())
	if err != nil {
		return nil, err
	}
	l := newLink(&conn{Conn: c}, clientConfig(d.TLS, domain, t.direct), false, t.direct, d.Link)
	if t.direct {
		if err := l.tls.Load().HandshakeContext(ctx); err != nil {
			l.Abort()
			return nil, fmt.Errorf("TLS handshake: %w", err)
		}
		if t.rescue && l.state().NegotiatedProtocol != alpnClient {
			l.Abort()
			return nil, errNoXMPP
		}
	}
	return l, nil
}

// errNoXMPP: nobody said that there is XMPP on port 443 of this host, and its
// server did not agree to it either. Most likely it is for web pages.
var errNoXMPP = errors.New("the server there does not agree to XMPP (ALPN)")
