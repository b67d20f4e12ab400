package quic

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"godwit/peer"
	"godwit/udpmux"
	"godwit/xep/icetransport"
)

const (
	maxHosts       = 12 // host candidates; container networks can have dozens
	maxServers     = 4
	bindTimeout    = 4 * time.Second
	resolveTimeout = 2 * time.Second
	// mappingFresh is how long an address learned by STUN is offered without
	// asking again: shorter than the 30 s after which careless routers forget.
	mappingFresh = 20 * time.Second
)

// gatherer finds the addresses of the socket: of this machine's interfaces, and
// as STUN servers see it (RFC 8445 §5.1.1). Safe for concurrent use; what it
// remembers is leaf data under mu.
type gatherer struct {
	mux      *udpmux.Mux
	loopback bool
	log      *slog.Logger

	mu      sync.Mutex
	servers []string
	learned map[string]learned // by server
}

type learned struct {
	mapped []netip.AddrPort
	at     time.Time
}

func newGatherer(mux *udpmux.Mux, loopback bool, logger *slog.Logger) *gatherer {
	return &gatherer{mux: mux, loopback: loopback, log: logger, learned: make(map[string]learned)}
}

func (g *gatherer) setServers(servers []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(servers) > maxServers {
		servers = servers[:maxServers]
	}
	g.servers = slices.Clone(servers)
	clear(g.learned)
}

// hosts lists the addresses of the interfaces.
func (g *gatherer) hosts() []netip.AddrPort {
	list, err := g.mux.LocalAddresses(g.loopback)
	if err != nil {
		g.log.Warn("peer/quic: listing the addresses of this machine", "error", err)
	}
	if len(list) > maxHosts {
		list = list[:maxHosts]
	}
	return list
}

// known splits the servers into those whose answer is fresh, and the others.
func (g *gatherer) known(now time.Time) (mapped []netip.AddrPort, ask []string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, server := range g.servers {
		if l, ok := g.learned[server]; ok && now.Sub(l.at) < mappingFresh {
			mapped = append(mapped, l.mapped...)
		} else {
			ask = append(ask, server)
		}
	}
	return mapped, ask
}

// ask asks one server, over each IP family it has, and remembers the answer.
func (g *gatherer) ask(ctx context.Context, server string) []netip.AddrPort {
	var mapped []netip.AddrPort
	for _, address := range g.resolve(ctx, server) {
		bound, cancel := context.WithTimeout(ctx, bindTimeout)
		m, err := g.mux.Bind(bound, address)
		cancel()
		if err != nil {
			g.log.Debug("peer/quic: asking a STUN server", "server", server, "error", err)
			continue
		}
		mapped = append(mapped, m)
	}
	if len(mapped) > 0 {
		g.mu.Lock()
		if slices.Contains(g.servers, server) {
			g.learned[server] = learned{mapped, time.Now()}
		}
		g.mu.Unlock()
	}
	return mapped
}

// resolve gives at most one address per family that the socket can send to.
func (g *gatherer) resolve(ctx context.Context, server string) []netip.AddrPort {
	host, portText, err := net.SplitHostPort(server)
	port, portErr := strconv.ParseUint(portText, 10, 16)
	if err != nil || portErr != nil || port == 0 {
		g.log.Warn("peer/quic: not the address of a STUN server", "server", server)
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	all, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		g.log.Debug("peer/quic: resolving a STUN server", "server", server, "error", err)
		return nil
	}
	var chosen []netip.AddrPort
	for _, four := range []bool{true, false} {
		for _, a := range all {
			if a = a.Unmap(); a.Is4() == four && (four || !g.mux.LocalAddr().Addr().Is4()) {
				chosen = append(chosen, netip.AddrPortFrom(a, uint16(port)))
				break
			}
		}
	}
	return chosen
}

// candidates numbers and ranks the addresses found for one session.
type candidates struct {
	allowed peer.Addresses
	count   int
	given   []netip.AddrPort
}

// host makes candidates of this machine's addresses, where they may be shown.
func (c *candidates) host(addresses []netip.AddrPort) []icetransport.Candidate {
	if !c.allowed.Host {
		return nil
	}
	return c.make(icetransport.Host, addresses, netip.AddrPort{})
}

// reflexive makes candidates of addresses learned by STUN. The base they belong
// to is told only where host addresses may be shown.
func (c *candidates) reflexive(addresses []netip.AddrPort, base netip.AddrPort) []icetransport.Candidate {
	if !c.allowed.Reflexive {
		return nil
	}
	if !c.allowed.Host {
		base = netip.AddrPort{}
	}
	return c.make(icetransport.ServerReflexive, addresses, base)
}

func (c *candidates) make(kind icetransport.Kind, addresses []netip.AddrPort, base netip.AddrPort) []icetransport.Candidate {
	var list []icetransport.Candidate
	for _, address := range addresses {
		if slices.Contains(c.given, address) {
			continue // redundant, RFC 8445 §5.1.3
		}
		c.given = append(c.given, address)
		c.count++
		related := base
		if related.IsValid() && related.Addr().Is4() != address.Addr().Is4() {
			related = netip.AddrPort{}
		}
		list = append(list, icetransport.Candidate{
			Component: 1, Foundation: foundation(kind, address), ID: strconv.Itoa(c.count),
			Address: address, Priority: priority(kind, address, c.count), Protocol: "udp",
			Related: related, Kind: kind,
		})
	}
	return list
}

// priority follows RFC 8445 §5.1.2.1. Within a type, IPv6 is preferred, because
// it has no address translation to go wrong (RFC 8421 §4), then what was listed
// first.
func priority(kind icetransport.Kind, address netip.AddrPort, index int) uint32 {
	preference := map[icetransport.Kind]uint32{
		icetransport.Host: 126, icetransport.PeerReflexive: 110, icetransport.ServerReflexive: 100,
	}[kind]
	local := uint32(32767)
	if address.Addr().Is6() {
		local = 65535
	}
	return preference<<24 + (local-uint32(min(index, 1000)))<<8 + 255
}

// foundation is equal for candidates of the same type and family: they share
// the one socket (RFC 8445 §5.1.1.3).
func foundation(kind icetransport.Kind, address netip.AddrPort) string {
	family := "4"
	if address.Addr().Is6() {
		family = "6"
	}
	return string(kind[0]) + family
}
