package tcp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
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
	// Any takes what DNS says; for a fixed server STARTTLS.
	Any Mode = iota
	// StartTLS uses only links that begin unencrypted (RFC 6120 §5).
	StartTLS
	// DirectTLS uses only links encrypted from the first byte (XEP-0368).
	DirectTLS
)

// Dialer opens links to the server of a domain. It may be used by many
// goroutines.
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
	// Link holds the bounds of every link; its addresses and kind are set.
	Link bytestream.Config
}

var _ link.Dialer = (*Dialer)(nil)

const defaultAttempt = 10 * time.Second

// Dial implements link.Dialer. All targets are tried in order until one
// connects (and, with direct TLS, proves to be the domain's); the error joins
// what each said.
func (d *Dialer) Dial(ctx context.Context, domain string) (link.Link, error) {
	ascii, err := asciiDomain(domain)
	if err != nil {
		return nil, fmt.Errorf("tcp: domain %q: %w", domain, err)
	}
	targets, err := d.targets(ctx, ascii)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, t := range targets {
		l, err := d.try(ctx, t, ascii)
		if err == nil {
			return l, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", t.address(), err))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("tcp: no server of %s could be reached: %w", domain, errors.Join(errs...))
}

// asciiDomain is the domain as DNS and certificates know it. Addresses stay as
// they are, without the brackets of a JID.
func asciiDomain(domain string) (string, error) {
	if literal := strings.Trim(domain, "[]"); net.ParseIP(literal) != nil {
		return literal, nil
	}
	return idna.Lookup.ToASCII(domain)
}

func (d *Dialer) targets(ctx context.Context, domain string) ([]target, error) {
	if d.Server != "" {
		t, err := fixed(d.Server, d.Mode == DirectTLS)
		return []target{t}, err
	}
	if net.ParseIP(domain) != nil {
		t, err := fixed(net.JoinHostPort(domain, ""), d.Mode == DirectTLS)
		return []target{t}, err
	}
	var r Resolver = net.DefaultResolver
	if d.Resolver != nil {
		r = d.Resolver
	}
	all, err := lookup(ctx, r, domain, uniform)
	if err != nil || d.Mode == Any {
		return all, err
	}
	var wanted []target
	for _, t := range all {
		if t.direct == (d.Mode == DirectTLS) {
			wanted = append(wanted, t)
		}
	}
	if len(wanted) == 0 {
		return []target{defaultTarget(domain, d.Mode == DirectTLS)}, nil
	}
	return wanted, nil
}

func defaultTarget(host string, direct bool) target {
	if direct {
		return target{host: host, port: 5223, direct: true}
	}
	return target{host: host, port: 5222}
}

// fixed reads "host", "host:port" or "[address]:port".
func fixed(server string, direct bool) (target, error) {
	t := defaultTarget(server, direct)
	host, port, err := net.SplitHostPort(server)
	if err != nil {
		if net.ParseIP(strings.Trim(server, "[]")) == nil && strings.Contains(server, ":") {
			return t, fmt.Errorf("tcp: server %q: %w", server, err)
		}
		t.host = strings.Trim(server, "[]")
		return t, nil
	}
	t.host = host
	if port == "" {
		return t, nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return t, fmt.Errorf("tcp: server %q: the port is not a number from 1 to 65535", server)
	}
	t.port = uint16(n)
	return t, nil
}

// try connects to one target.
func (d *Dialer) try(ctx context.Context, t target, domain string) (link.Link, error) {
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
	}
	return l, nil
}
