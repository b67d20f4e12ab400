package nat

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"godwit/netlab"
	"godwit/relay"
	"godwit/xep/reach"
)

// labServer serves STUN on a host of the lab, with all addresses it has and two
// ports, and over TCP at the usual port and at 443.
func labServer(t *testing.T, h *netlab.Host) {
	t.Helper()
	s := relay.New(relay.Config{PacketsPerSecond: 1e6, PacketBurst: 1e6})
	var serving sync.WaitGroup
	for _, six := range []bool{false, true} {
		addrs := h.Addrs()
		if six {
			addrs = h.Addrs6()
		}
		if len(addrs) == 0 {
			continue
		}
		var set relay.Sockets
		for _, a := range addrs {
			for port, list := range map[uint16]*[]net.PacketConn{3478: &set.Primary, 3479: &set.Other} {
				c, err := h.ListenUDP(netip.AddrPortFrom(a, port))
				if err != nil {
					t.Fatal(err)
				}
				*list = append(*list, c)
			}
		}
		serving.Go(func() { _ = s.ServeSockets(set) })
	}
	for _, port := range []int{3478, 443} {
		ln, err := h.Listen("tcp", ":"+strconv.Itoa(port))
		if err != nil {
			t.Fatal(err)
		}
		serving.Go(func() { _ = s.ServeTCP(ln) })
	}
	t.Cleanup(func() { _ = s.Close(); serving.Wait() })
}

// onHost makes a configuration whose sockets are those of the host.
func onHost(h *netlab.Host, servers ...netip.Addr) Config {
	c := Config{
		Listen: func(_ context.Context, network string, _ netip.AddrPort) (net.PacketConn, error) {
			addrs := h.Addrs()
			if network == "udp6" {
				addrs = h.Addrs6()
			}
			if len(addrs) == 0 {
				return nil, syscall.ENETUNREACH
			}
			return h.ListenUDP(netip.AddrPortFrom(addrs[0], 0))
		},
		Dial: h.Dial,
	}
	for _, a := range servers {
		c.Servers = append(c.Servers, netip.AddrPortFrom(a, 3478).String())
	}
	return c
}

// lossy is the link of the labs below: 80 ms of round trip and 5 % loss each way.
var lossy = netlab.Link{Delay: 40 * time.Millisecond, Loss: 0.05}

// networks are what the lab can build, with what has to be found.
var networks = []struct {
	name  string
	build func(*netlab.Lab) *netlab.Host
	full  Family // class, mapping, filtering and preservation with two addresses
	one   Family // … with one
}{
	{"no NAT", func(l *netlab.Lab) *netlab.Host { return l.AddHost("host", netlab.WithLink(lossy)) },
		family(reach.Open, reach.None, reach.None, reach.Yes), family("", reach.None, reach.AtMostAddress, reach.Yes)},
	{"full cone", behind(netlab.FullCone),
		family(reach.FullCone, reach.EndpointIndependent, reach.EndpointIndependent, reach.Yes), family("", reach.AtMostAddress, reach.AtMostAddress, reach.Yes)},
	{"restricted", behind(netlab.Restricted),
		family(reach.RestrictedCone, reach.EndpointIndependent, reach.AddressDependent, reach.Yes), family("", reach.AtMostAddress, reach.AtMostAddress, reach.Yes)},
	{"port restricted", behind(netlab.PortRestricted), portRestricted(reach.Yes), onePort(reach.Yes)},
	{"port restricted, no drop", behind(netlab.PortRestrictedNoDrop), portRestricted(reach.Yes), onePort(reach.Yes)},
	{"other ports", behind(netlab.EIMNoPreserve), portRestricted(reach.No), onePort(reach.No)},
	{"symmetric", behind(netlab.Symmetric), symmetric, symmetric},
	{"UDP blocked", behind(netlab.UDPBlocked), family(reach.Blocked, "", "", ""), family(reach.Blocked, "", "", "")},
	{"TCP 443 only", behind(netlab.TCP443Only), family(reach.Blocked, "", "", ""), family(reach.Blocked, "", "", "")},
	{"home behind a carrier", behind(netlab.PortRestricted, netlab.PortRestricted), portRestricted(reach.Yes), onePort(reach.Yes)},
	{"home behind a symmetric carrier", behind(netlab.Symmetric, netlab.PortRestricted), symmetric, symmetric},
	{"symmetric behind a full cone", behind(netlab.FullCone, netlab.Symmetric), symmetric, symmetric},
	{"full cone behind a restricted one", behind(netlab.Restricted, netlab.FullCone),
		family(reach.RestrictedCone, reach.EndpointIndependent, reach.AddressDependent, reach.Yes), family("", reach.AtMostAddress, reach.AtMostAddress, reach.Yes)},
}

var symmetric = family(reach.Symmetric, reach.AddressPortDependent, reach.AddressPortDependent, reach.No)

func family(c reach.Class, m, f reach.Behaviour, p reach.Tristate) Family {
	return Family{Class: c, Mapping: m, Filtering: f, PortPreserved: p}
}

func portRestricted(p reach.Tristate) Family {
	return family(reach.PortRestricted, reach.EndpointIndependent, reach.AddressPortDependent, p)
}

func onePort(p reach.Tristate) Family {
	return family("", reach.AtMostAddress, reach.AddressPortDependent, p)
}

// behind puts a host behind boxes, the outermost first.
func behind(kinds ...netlab.Kind) func(*netlab.Lab) *netlab.Host {
	return func(l *netlab.Lab) *netlab.Host {
		box := l.AddNAT("box", kinds[0], netlab.WithLink(lossy))
		for i, k := range kinds[1:] {
			box = box.AddNAT(fmt.Sprint("inner", i), k)
		}
		return box.AddHost("host")
	}
}

// trials is how often each network is discovered; the environment can ask for more.
func trials(t *testing.T) int {
	if n, err := strconv.Atoi(os.Getenv("NAT_TRIALS")); err == nil {
		return n
	}
	if testing.Short() {
		return 1
	}
	return 3
}

// TestLab discovers every network of the lab at 80 ms of round trip and 5 % loss
// each way, and prints what was found and how long it took. Nothing found may be
// wrong; with one server address, what one address cannot tell is unknown.
func TestLab(t *testing.T) {
	netlab.Require(t)
	var mu sync.Mutex
	rows := map[string]string{}
	t.Run("networks", func(t *testing.T) {
		for _, n := range networks {
			t.Run(n.name, func(t *testing.T) {
				t.Parallel()
				lab := netlab.New(t)
				two := lab.AddHost("two", netlab.WithAddresses(2))
				one := lab.AddHost("one")
				labServer(t, two)
				labServer(t, one)
				h := n.build(lab)
				for _, s := range []struct {
					name   string
					server netip.Addr
					want   Family
				}{{"two addresses", two.Addr(), n.full}, {"one address", one.Addr(), n.one}} {
					row := discoverOften(t, onHost(h, s.server), s.want)
					mu.Lock()
					rows[n.name+s.name] = fmt.Sprintf("%s\t%s\t%s", n.name, s.name, row)
					mu.Unlock()
				}
			})
		}
	})
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "network\tserver\tclass\tmapping\tfiltering\tports\tright\ttime, longest")
	for _, n := range networks {
		fmt.Fprintln(w, rows[n.name+"two addresses"])
		fmt.Fprintln(w, rows[n.name+"one address"])
	}
	_ = w.Flush()
	t.Logf("at %v round trip and 5 %% loss each way:\n%s", 2*lossy.Delay, b.String())
}

// discoverOften does, and returns a row of the table.
func discoverOften(t *testing.T, c Config, want Family) string {
	t.Helper()
	var longest time.Duration
	var last Report
	n := trials(t)
	right := 0
	for range n {
		r, err := Discover(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		longest, last = max(longest, r.Took), r
		if x := r.Reach; x.Class != want.Class || x.Mapping != want.Mapping || x.Filtering != want.Filtering || x.PortPreserved != want.PortPreserved {
			t.Errorf("got %q, %q, %q, preserved %q; want %q, %q, %q, preserved %q\n%+v", x.Class, x.Mapping, x.Filtering, x.PortPreserved,
				want.Class, want.Mapping, want.Filtering, want.PortPreserved, r)
			continue
		}
		right++
		if r.Reach.IPv4 != reach.Yes || r.Reach.IPv6 != reach.No {
			t.Errorf("IPv4 %q, IPv6 %q", r.Reach.IPv4, r.Reach.IPv6)
		}
	}
	x := last.Reach
	return fmt.Sprintf("%s\t%s\t%s\t%s\t%d/%d\t%v", orUnknown(x.Class), orUnknown(x.Mapping), orUnknown(x.Filtering), last.IPv4.Allocation.Pattern, right, n, longest.Round(time.Millisecond))
}

func orUnknown[S ~string](s S) string {
	if s == "" {
		return "unknown"
	}
	return string(s)
}

// The carrier's NAT shows where the router tells its outside address, or where
// the box stands in the space between.
func TestLabCarrier(t *testing.T) {
	lab := netlab.New(t)
	server := lab.AddHost("server", netlab.WithAddresses(2))
	labServer(t, server)
	carrier := lab.AddNAT("carrier", netlab.PortRestricted)
	home := carrier.AddNAT("home", netlab.PortRestricted)
	h := home.AddHost("host")
	single := lab.AddNAT("single", netlab.PortRestricted)
	for _, tt := range []struct {
		why      string
		host     *netlab.Host
		external netip.Addr
		want     reach.Tristate
	}{
		{"the home router tells an address of the carrier's space", h, home.Addr(), reach.Yes},
		{"the router's address is what the world sees", single.AddHost("there"), single.Addr(), reach.No},
		{"the router tells nothing", single.AddHost("too"), netip.Addr{}, reach.Unsaid},
	} {
		c := onHost(tt.host, server.Addr())
		c.External = tt.external
		r, err := Discover(t.Context(), c)
		if err != nil || r.Reach.Carrier != tt.want {
			t.Errorf("%s: %q, %v", tt.why, r.Reach.Carrier, err)
		}
	}
}

// Both families at once, IPv6 behind a firewall, and IPv6 alone.
func TestLabIPv6(t *testing.T) {
	lab := netlab.New(t)
	server := lab.AddHost("server", netlab.WithAddresses(2), netlab.WithIPv6())
	labServer(t, server)
	home := lab.AddNAT("home", netlab.Symmetric, netlab.WithIPv6(), netlab.WithLink(lossy))
	both := home.AddHost("both", netlab.WithIPv6())
	alone := home.AddHost("alone", netlab.WithoutIPv4())
	for range trials(t) {
		r, err := Discover(t.Context(), onHost(both, server.Addr(), server.Addr6()))
		if err != nil {
			t.Fatal(err)
		}
		if r.Reach.Class != reach.Symmetric || r.Reach.IPv4 != reach.Yes || r.Reach.IPv6 != reach.Yes || r.IPv6.Class != reach.Firewall {
			t.Errorf("both families: %+v", r)
		}
		if r, err = Discover(t.Context(), onHost(alone, server.Addr(), server.Addr6())); err != nil {
			t.Fatal(err)
		}
		if r.Reach.Class != reach.Firewall || r.Reach.IPv4 != reach.No || r.Reach.IPv6 != reach.Yes || r.IPv4.State != NoRoute {
			t.Errorf("IPv6 alone: %+v", r)
		}
	}
}

// A server that is away is not a network that blocks UDP.
func TestLabNoServer(t *testing.T) {
	lab := netlab.New(t)
	empty := lab.AddHost("empty") // answers neither
	web := lab.AddHost("web")     // a web server that is no STUN server
	ln, err := web.Listen("tcp4", ":443")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.0 400 Bad Request\r\n\r\n")
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = ln.Close(); <-done })
	home := lab.AddNAT("home", netlab.PortRestricted)
	h := home.AddHost("host")
	ask := func(server netip.Addr) Report {
		t.Helper()
		r, err := Discover(t.Context(), onHost(h, server))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := ask(web.Addr()); !r.Doubtful(AboutUDP) || r.TCP != TCPAlive {
		t.Errorf("a web server: %+v", r)
	}
	if r := ask(empty.Addr()); !r.Doubtful(AboutUDP) {
		t.Errorf("a host without servers: %+v", r)
	}
	// An address where nobody is: not even a refusal comes.
	if r := ask(netip.MustParseAddr("27.1.200.1")); r.Reach.Class != reach.UnknownClass || r.TCP != TCPSilent {
		t.Errorf("nobody: %+v", r)
	}
}
