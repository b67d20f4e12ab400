package portmap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"
)

// Protocol is a way of asking a router for a mapping; its text is what
// reach.Reach.Mapped says.
type Protocol string

// The protocols, best first: PCP tells whom its answer is for and how long it
// holds, NAT-PMP how long, UPnP neither.
const (
	PCP    Protocol = "pcp"
	NATPMP Protocol = "nat-pmp"
	UPnP   Protocol = "upnp"
)

// Router is a default router as this machine sees it.
type Router struct {
	// Gateway is the router's address on the local network; an IPv6 link-local
	// one has its zone. Its family is that of the mappings.
	Gateway netip.Addr
	// Local is this machine's address toward the router, which mappings lead to.
	// For IPv6, a global one: the pinhole is for it.
	Local netip.Addr
	// Subnet is the local network. UPnP is spoken with the gateway and inside
	// the subnet; nowhere else.
	Subnet netip.Prefix

	// Control is where PCP and NAT-PMP are spoken, Search where UPnP devices are
	// searched. Zero for the standard ones; for tests.
	Control, Search netip.AddrPort
}

const (
	controlPort = 5351 // RFC 6886 §1.1, RFC 6887 §19.1
	searchPort  = 1900
)

var searchGroup = netip.AddrPortFrom(netip.AddrFrom4([4]byte{239, 255, 255, 250}), searchPort)

func (r Router) control() netip.AddrPort {
	if r.Control.IsValid() {
		return r.Control
	}
	return netip.AddrPortFrom(r.Gateway, controlPort)
}

// check refuses routers that cannot be asked.
func (r Router) check() error {
	switch {
	case !r.Gateway.IsValid(), r.Gateway.IsUnspecified(), r.Gateway.IsMulticast():
		return fmt.Errorf("portmap: %v is no router", r.Gateway)
	case !r.Local.IsValid(), r.Local.IsUnspecified(), r.Local.IsMulticast(), r.Local.IsLinkLocalUnicast():
		return fmt.Errorf("portmap: nothing can be mapped to %v", r.Local)
	case r.Gateway.Is4() != r.Local.Is4():
		return fmt.Errorf("portmap: router %v and address %v are of two families", r.Gateway, r.Local)
	}
	return nil
}

// Mapping is one port of a router that leads to this machine.
type Mapping struct {
	Router   Router
	Protocol Protocol
	// External is what others send to. For IPv6 it normally is the address and
	// port that this machine has anyway, which the router's firewall now lets in.
	External netip.AddrPort
	// Lifetime was granted when the mapping was made or last renewed; 0 when
	// the router keeps mappings until they are removed.
	Lifetime time.Duration
}

// Public tells whether the outside address is one of the internet. If not, the
// router is itself behind a NAT (its carrier's, or a second one at home) and the
// mapping lets in only those who are between the two, though it still gives
// what is sent from the port one fixed outside port on this router.
func (m Mapping) Public() bool { return public(m.External.Addr()) }

// Errors of routers.
var (
	// ErrNoAnswer: nothing there speaks the protocol.
	ErrNoAnswer = errors.New("no answer")
	// ErrLie: an answer that cannot be true.
	ErrLie = errors.New("an answer that cannot be true")
)

// Refusal is a router's no.
type Refusal struct {
	Protocol Protocol
	Code     int    // of the protocol
	Reason   string // what the code means
	// Wait is for how long it is pointless to ask again; 0 when not said.
	Wait time.Duration
}

// Error implements error.
func (r *Refusal) Error() string {
	return fmt.Sprintf("refused by %s: %s (%d)", r.Protocol, r.Reason, r.Code)
}

// Sockets opens what is needed to talk to routers. It must be safe for
// concurrent use.
type Sockets interface {
	// Dial connects from the local address to remote; network is "udp" or "tcp".
	Dial(ctx context.Context, network string, local netip.Addr, remote netip.AddrPort) (net.Conn, error)
	// Listen opens a UDP socket on a free port of the local address.
	Listen(ctx context.Context, local netip.Addr) (net.PacketConn, error)
}

// system is the sockets of this machine.
type system struct{}

func (system) Dial(ctx context.Context, network string, local netip.Addr, remote netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{Timeout: httpTimeout}
	if network == "udp" {
		d.LocalAddr = net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, 0))
	} else {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(local, 0))
	}
	return d.DialContext(ctx, network, remote.String())
}

func (system) Listen(ctx context.Context, local netip.Addr) (net.PacketConn, error) {
	var c net.ListenConfig
	return c.ListenPacket(ctx, "udp", netip.AddrPortFrom(local, 0).String())
}

// Config says what to map.
type Config struct {
	// Port is the UDP port of this machine that is mapped; required.
	Port uint16
	// Routers lists the default routers, at most one for each family. It is
	// called by the mapper's goroutine, at the start and after each
	// NetworkChanged, and must end when ctx does. Required.
	Routers func(ctx context.Context) ([]Router, error)
	// Changed is told the mappings that hold, the public and the better ones
	// first, each time they differ from before; empty when there are none. It is
	// called by the mapper's goroutine, one call at a time, and may not call the
	// mapper. It is not called by Close. May be nil.
	Changed func([]Mapping)

	// Lifetime is what is asked for; default one hour. Mappings are renewed when
	// half of what was granted is over.
	Lifetime time.Duration
	// Name is what a router's list of mappings shows. Default "Godwit".
	Name string
	// Sockets is for tests; nil is the system's.
	Sockets Sockets
	Logger  *slog.Logger // may be nil

	methods func(*wire, Router) []method // for tests
}

// Bounds of lifetimes. A router that was restarted without the link going down
// has forgotten its mappings, and that is found out at the next renewal: so even
// if one grants a day, it is asked again after an hour.
const (
	defaultLifetime = time.Hour
	minLifetime     = 2 * time.Minute // RFC 6887 §15
	maxLifetime     = 2 * time.Hour
	minRenewal      = 20 * time.Second
)

func (c Config) withDefaults() (Config, error) {
	if c.Port == 0 || c.Routers == nil {
		return c, errors.New("portmap: a port and a list of routers are needed")
	}
	if c.Changed == nil {
		c.Changed = func([]Mapping) {}
	}
	if c.Lifetime == 0 {
		c.Lifetime = defaultLifetime
	}
	c.Lifetime = min(max(c.Lifetime, minLifetime), maxLifetime)
	if c.Name == "" {
		c.Name = "Godwit"
	}
	if c.Sockets == nil {
		c.Sockets = system{}
	}
	if c.methods == nil {
		c.methods = methodsFor
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}
