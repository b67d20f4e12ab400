package nat

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// DefaultPort is STUN's (RFC 8489 §18.6).
const DefaultPort = 3478

// maxServers bounds how many addresses of a family are asked.
const maxServers = 4

// Config says whom to ask and with what. It is not changed.
type Config struct {
	// Servers are STUN servers, "host:port", "host" or an address; a name is
	// looked up, and every address it has is a server. One that serves RFC 5780
	// on two addresses tells everything, two plain ones of different addresses
	// tell the mapping. At most four addresses of each family are asked.
	Servers []string
	// Announced says that the servers named themselves over a connection that
	// works (XEP-0215). Then silence means that UDP is blocked.
	Announced bool
	// External is the outside IPv4 address of the router as it tells itself (port
	// mapping), and Gateway its inside one. Both may be invalid, and can be said
	// later: Report.WithRouter.
	External, Gateway netip.Addr

	// Listen opens a UDP socket ("udp4" or "udp6") to speak from to the given
	// address. Its LocalAddr should be the very address that packets leave with, not
	// the unspecified one, or an open network cannot be told from a NAT. It is
	// called six times a family, and the sockets are closed before Discover
	// returns. Nil means sockets of this machine.
	Listen func(ctx context.Context, network string, toward netip.AddrPort) (net.PacketConn, error)
	// Dial opens a TCP connection. It is used only where UDP is silent, to tell a
	// server that is away from a network that blocks UDP. Nil means this machine's.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Lookup finds the addresses of a name. Nil means the system's resolver.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	// Logger gets the course of a discovery at debug level. Nil means silence.
	Logger *slog.Logger
}

// Errors of Discover.
var (
	// ErrNoServer means that no server was given, or none has an address.
	ErrNoServer = errors.New("nat: no STUN server to ask")
)

// withDefaults fills in what was left out.
func (c Config) withDefaults() Config {
	if c.Listen == nil {
		c.Listen = listen
	}
	if c.Dial == nil {
		c.Dial = new(net.Dialer).DialContext
	}
	if c.Lookup == nil {
		c.Lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// listen opens a socket on the address that the system uses toward the server.
// Connecting a UDP socket sends nothing; it only asks the routing table.
func listen(ctx context.Context, network string, toward netip.AddrPort) (net.PacketConn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, toward.String())
	if err != nil {
		return nil, err
	}
	local := c.LocalAddr().(*net.UDPAddr)
	if err := c.Close(); err != nil {
		return nil, err
	}
	local.Port = 0
	return net.ListenUDP(network, local)
}

// servers are the addresses to ask, by family.
type servers struct{ four, six []netip.AddrPort }

// resolve looks every server up, all at once. That one has no address is an
// error only if none has.
func (c Config) resolve(ctx context.Context) (servers, error) {
	type found struct {
		addrs []netip.Addr
		port  uint16
		err   error
	}
	results := make([]chan found, len(c.Servers))
	for i, server := range c.Servers {
		results[i] = make(chan found, 1)
		go func() {
			host, port, err := splitServer(server)
			if err != nil {
				results[i] <- found{err: err}
				return
			}
			if a, err := netip.ParseAddr(host); err == nil {
				results[i] <- found{addrs: []netip.Addr{a}, port: port}
				return
			}
			addrs, err := c.Lookup(ctx, host)
			results[i] <- found{addrs, port, err}
		}()
	}
	var s servers
	var errs []error
	for _, r := range results {
		f := <-r
		if f.err != nil {
			errs = append(errs, f.err)
		}
		for _, a := range f.addrs {
			s.add(netip.AddrPortFrom(a.Unmap(), f.port))
		}
	}
	if err := ctx.Err(); err != nil {
		return servers{}, err
	}
	if len(s.four)+len(s.six) == 0 {
		return servers{}, errors.Join(append([]error{ErrNoServer}, errs...)...)
	}
	return s, nil
}

func (s *servers) add(a netip.AddrPort) {
	list := &s.four
	if a.Addr().Is6() {
		list = &s.six
	}
	if a.Addr().IsUnspecified() || a.Addr().IsMulticast() || a.Port() == 0 ||
		len(*list) == maxServers || slices.Contains(*list, a) {
		return
	}
	*list = append(*list, a)
}

// splitServer reads "host:port", "host", "[address]:port" or an address.
func splitServer(s string) (host string, port uint16, err error) {
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return a.String(), DefaultPort, nil
	}
	if !strings.Contains(s, ":") {
		s += ":" + strconv.Itoa(DefaultPort)
	}
	host, text, err := net.SplitHostPort(s)
	if err != nil {
		return "", 0, fmt.Errorf("nat: %w", err)
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 || host == "" {
		return "", 0, fmt.Errorf("nat: %q is no server: HOST or HOST:PORT is", s)
	}
	return host, uint16(n), nil
}
