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
	"godwit/peer/allocation"
	"godwit/udpmux"
	"godwit/xep/extdisco"
	"godwit/xep/icetransport"
)

const (
	// What a session offers, so that candidates of every kind fit into what a
	// peer takes of a kind (package ice). Container networks can have dozens.
	maxHosts       = 8
	maxOffered     = 48 // in the life of a session; peers take 64
	maxServers     = 4
	maxMapped      = 2
	bindTimeout    = 4 * time.Second
	resolveTimeout = 2 * time.Second
	// mappingFresh is how long an address learned by STUN is offered before it
	// has been asked for again: shorter than the 30 s after which careless routers
	// forget. It is asked for again all the same.
	mappingFresh = 20 * time.Second
	// rttFresh is how long a measured round trip is believed.
	rttFresh = 10 * time.Minute
)

// Ports of services that are announced without one.
const (
	defaultPort    = 3478 // RFC 8489 §8, RFC 8656 §3
	defaultTLSPort = 5349
)

// gatherer finds the addresses of the socket: of this machine's interfaces, as
// STUN servers see it, and as the router maps it (RFC 8445 §5.1.1). Safe for
// concurrent use; what it remembers is leaf data under mu.
type gatherer struct {
	mux      *udpmux.Mux
	loopback bool
	log      *slog.Logger

	mu      sync.Mutex
	servers []string
	learned map[string]learned // by server
	mapped  []netip.AddrPort   // by the router
	rtt     time.Duration      // to the nearest server that answered
	rttAt   time.Time
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
	servers = servers[:min(len(servers), maxServers)]
	if slices.Equal(servers, g.servers) {
		return
	}
	g.servers = slices.Clone(servers)
	clear(g.learned)
}

func (g *gatherer) setMapped(addresses []netip.AddrPort) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mapped = nil
	for _, a := range addresses {
		if acceptable(a.Addr(), g.loopback) && a.Port() != 0 && len(g.mapped) < maxMapped {
			g.mapped = append(g.mapped, netip.AddrPortFrom(a.Addr().Unmap(), a.Port()))
		}
	}
}

// forget drops what was learned on another network.
func (g *gatherer) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	clear(g.learned)
	g.mapped = nil
	g.rttAt = time.Time{}
}

// roundTrip is the last one measured to a server; 0 when none is known.
func (g *gatherer) roundTrip(now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now.Sub(g.rttAt) > rttFresh {
		return 0
	}
	return g.rtt
}

// hosts lists the addresses of the interfaces, as many as are told.
func (g *gatherer) hosts() []netip.AddrPort {
	list, err := g.mux.LocalAddresses(g.loopback)
	if err != nil {
		g.log.Warn("peer/quic: listing the addresses of this machine", "error", err)
	}
	return list[:min(len(list), maxHosts)]
}

// known is what is known of the public address without asking: what the router
// maps, and fresh answers.
func (g *gatherer) known(now time.Time) (mapped []netip.AddrPort) {
	g.mu.Lock()
	defer g.mu.Unlock()
	mapped = slices.Clone(g.mapped)
	for _, server := range g.servers {
		if l, ok := g.learned[server]; ok && now.Sub(l.at) < mappingFresh {
			mapped = append(mapped, l.mapped...)
		}
	}
	return mapped
}

func (g *gatherer) toAsk() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.servers)
}

// ask asks one server, over each IP family it has at once, hands the answers to
// found as they come, and remembers them.
func (g *gatherer) ask(ctx context.Context, server string, found func(netip.AddrPort)) {
	var asking sync.WaitGroup
	var mu sync.Mutex
	var mapped []netip.AddrPort
	for _, address := range g.resolve(ctx, server) {
		asking.Go(func() {
			bound, cancel := context.WithTimeout(ctx, bindTimeout)
			defer cancel()
			begun := time.Now()
			m, err := g.mux.Bind(bound, address)
			if err != nil {
				g.log.Debug("peer/quic: asking a STUN server", "server", server, "error", err)
				return
			}
			now := time.Now()
			mu.Lock()
			mapped = append(mapped, m)
			all := slices.Clone(mapped)
			mu.Unlock()
			g.mu.Lock()
			if rtt := now.Sub(begun); now.Sub(g.rttAt) > rttFresh || rtt < g.rtt {
				g.rtt, g.rttAt = rtt, now
			}
			if slices.Contains(g.servers, server) {
				g.learned[server] = learned{all, now}
			}
			g.mu.Unlock()
			found(m)
		})
	}
	asking.Wait()
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

// sort out what external service discovery announced: who is asked by STUN, and
// who relays. A TURN server answers STUN as well (RFC 8656 §3.1).
func sortServices(services []extdisco.Service) (stun []string, turn []allocation.Server) {
	var spare []string
	for _, s := range services {
		port, protocol := s.Port, allocation.Protocol(s.Transport)
		if port == 0 {
			port = defaultPort
			if s.Type == extdisco.TURNS {
				port = defaultTLSPort
			}
		}
		if protocol == "" {
			protocol = allocation.UDP
			if s.Type == extdisco.TURNS {
				protocol = allocation.TCP
			}
		}
		at := net.JoinHostPort(s.Host, strconv.Itoa(int(port)))
		switch {
		case s.Action == extdisco.Delete:
			continue
		case s.Type == extdisco.STUN && protocol == allocation.UDP:
			stun = append(stun, at)
			continue
		case s.Type == extdisco.TURN && protocol == allocation.UDP:
			spare = append(spare, at)
		case s.Type == extdisco.TURN && protocol == allocation.TCP:
		case s.Type == extdisco.TURNS && protocol == allocation.TCP:
			protocol = allocation.TLS
		default:
			continue // STUN over streams says nothing of UDP; DTLS is not spoken
		}
		turn = append(turn, allocation.Server{
			Host: s.Host, Port: port, Protocol: protocol, Username: s.Username, Password: s.Password, Expires: s.Expires,
		})
	}
	if len(stun) == 0 {
		stun = spare
	}
	return stun, turn
}

// candidates numbers and ranks the addresses found for one session.
// Safe for concurrent use.
type candidates struct {
	allowed peer.Addresses

	mu    sync.Mutex
	count int
	given []netip.AddrPort
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

// relayed makes a candidate of an address on a TURN server. What it is related to
// is nobody's business.
func (c *candidates) relayed(address netip.AddrPort) []icetransport.Candidate {
	if !c.allowed.Relay {
		return nil
	}
	return c.make(icetransport.Relayed, []netip.AddrPort{address}, netip.AddrPort{})
}

func (c *candidates) make(kind icetransport.Kind, addresses []netip.AddrPort, base netip.AddrPort) []icetransport.Candidate {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []icetransport.Candidate
	for _, address := range addresses {
		if slices.Contains(c.given, address) || c.count >= maxOffered {
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
