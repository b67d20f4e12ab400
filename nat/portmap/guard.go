package portmap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"github.com/huin/goupnp"
)

// Bounds of what is read by HTTP.
const (
	httpTimeout = 3 * time.Second
	maxBody     = 256 << 10
	maxHeader   = 16 << 10
)

var (
	errElsewhere = errors.New("an URL that leads away from the router")
	errTooLong   = errors.New("an answer without end")
)

// guard is an HTTP transport to one address and nowhere else: what a device on
// the local network says, and so whoever can pretend to be one, must not decide
// whom this machine sends requests to.
type guard struct {
	router Router
	host   netip.Addr
	dialer Sockets
}

// allowed tells whether a device may be talked to at all: the gateway, or another
// machine of the local network, but not this one, whose own services take its
// requests for trustworthy.
func allowed(r Router, a netip.Addr) bool {
	if a == r.Gateway {
		return true
	}
	return a.Is4() && a != r.Local && !a.IsLoopback() && r.Subnet.IsValid() && r.Subnet.Contains(a)
}

// destination reads the host and port of an URL, which must be an address.
func destination(u *url.URL) (netip.AddrPort, error) {
	if u.Scheme != "http" || u.User != nil {
		return netip.AddrPort{}, fmt.Errorf("%w: %q", errElsewhere, u.Redacted())
	}
	host, err := netip.ParseAddr(u.Hostname())
	if err != nil || host.Is4In6() {
		return netip.AddrPort{}, fmt.Errorf("%w: host %q", errElsewhere, u.Hostname())
	}
	port := uint64(80)
	if text := u.Port(); text != "" {
		if port, err = strconv.ParseUint(text, 10, 16); err != nil || port == 0 {
			return netip.AddrPort{}, fmt.Errorf("%w: port %q", errElsewhere, text)
		}
	}
	return netip.AddrPortFrom(host, uint16(port)), nil
}

// RoundTrip implements http.RoundTripper.
func (g *guard) RoundTrip(request *http.Request) (*http.Response, error) {
	to, err := destination(request.URL)
	if err == nil && (to.Addr() != g.host || !allowed(g.router, g.host)) {
		err = fmt.Errorf("%w: %v", errElsewhere, to)
	}
	if err != nil {
		return nil, err
	}
	// One transport for each request: nothing stays open between them.
	once := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return g.dialer.Dial(ctx, "tcp", g.router.Local, to)
		},
		DisableKeepAlives: true, DisableCompression: true,
		MaxResponseHeaderBytes: maxHeader, ResponseHeaderTimeout: httpTimeout,
	}
	answer, err := once.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	answer.Body = &bounded{body: answer.Body, left: maxBody}
	return answer, nil
}

// client is an HTTP client that follows nothing.
func (g *guard) client() http.Client {
	return http.Client{Transport: g, Timeout: httpTimeout, CheckRedirect: func(*http.Request, []*http.Request) error { return errElsewhere }}
}

// bounded is a body that ends with an error when it is too long.
type bounded struct {
	body io.ReadCloser
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, errTooLong
	}
	n, err := b.body.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func (b *bounded) Close() error { return b.body.Close() }

// goupnp reads device descriptions with a client that is a variable of its
// package. This room is its only importer; the guard of each request comes with
// the context, and without one nothing is sent.
func init() {
	goupnp.HTTPClientDefault = &http.Client{
		Transport: fromContext{}, Timeout: httpTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return errElsewhere },
	}
}

type guardKey struct{}

type fromContext struct{}

// RoundTrip implements http.RoundTripper.
func (fromContext) RoundTrip(r *http.Request) (*http.Response, error) {
	if g, ok := r.Context().Value(guardKey{}).(*guard); ok {
		return g.RoundTrip(r)
	}
	return nil, errElsewhere
}

// describe reads the description of the device at location.
func (g *guard) describe(ctx context.Context, location *url.URL) (*goupnp.RootDevice, error) {
	return goupnp.DeviceByURLCtx(context.WithValue(ctx, guardKey{}, g), location)
}
