package portmap

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const inside = 41234

// follow starts a mapper toward routers; its changes come by the channel.
func follow(t *testing.T, routers ...Router) (*Mapper, <-chan []Mapping) {
	t.Helper()
	changes := make(chan []Mapping, 16)
	m, err := New(Config{
		Port:    inside,
		Routers: func(context.Context) ([]Router, error) { return routers, nil },
		Changed: func(list []Mapping) { changes <- list },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m, changes
}

func next(t *testing.T, changes <-chan []Mapping) Mapping {
	t.Helper()
	select {
	case list := <-changes:
		if len(list) != 1 {
			t.Fatalf("mappings %v", list)
		}
		return list[0]
	case <-time.After(20 * time.Second):
		t.Fatal("no mapping")
	}
	return Mapping{}
}

func TestEachProtocol(t *testing.T) {
	for name, c := range map[string]struct {
		router   *router
		want     Protocol
		port     uint16
		table    string
		lifetime time.Duration
	}{
		"a router that speaks everything":   {&router{pcp: true, pmp: true, igd: 2}, PCP, inside, "udp 41234 pcp 41234 3600", time.Hour},
		"PCP":                               {&router{pcp: true}, PCP, inside, "udp 41234 pcp 41234 3600", time.Hour},
		"PCP, another port":                 {&router{pcp: true, taken: map[uint16]bool{inside: true}}, PCP, 40001, "udp 40001 pcp 41234 3600", time.Hour},
		"PCP, a shorter lifetime":           {&router{pcp: true, lifetime: 120}, PCP, inside, "udp 41234 pcp 41234 120", 2 * time.Minute},
		"NAT-PMP":                           {&router{pmp: true, igd: 1}, NATPMP, inside, "udp 41234 nat-pmp 41234 3600", time.Hour},
		"NAT-PMP, another port":             {&router{pmp: true, taken: map[uint16]bool{inside: true}}, NATPMP, 40001, "udp 40001 nat-pmp 41234 3600", time.Hour},
		"PCP refuses, NAT-PMP does not":     {&router{pcp: true, pcpResult: 2, pmp: true}, NATPMP, inside, "udp 41234 nat-pmp 41234 3600", time.Hour},
		"UPnP 1":                            {&router{igd: 1}, UPnP, inside, "udp 41234 upnp 41234 3600", time.Hour},
		"UPnP 2":                            {&router{igd: 2}, UPnP, inside, "udp 41234 upnp 41234 3600", time.Hour},
		"UPnP 2, another port":              {&router{igd: 2, taken: map[uint16]bool{inside: true}}, UPnP, 40002, "udp 40002 upnp 41234 3600", time.Hour},
		"UPnP, permanent mappings only":     {&router{igd: 1, permanentOnly: true}, UPnP, inside, "udp 41234 upnp 41234 0", 0},
		"UPnP, does not know of lifetimes":  {&router{igd: 1, noSuchLease: true}, UPnP, inside, "udp 41234 upnp 41234 0", 0},
		"behind a carrier's NAT":            {&router{pcp: true, external: netip.MustParseAddr("100.64.3.4")}, PCP, inside, "udp 41234 pcp 41234 3600", time.Hour},
		"UPnP, spaces around the address":   {&router{igd: 1, externalByUPnP: " 27.1.2.1\n"}, UPnP, inside, "udp 41234 upnp 41234 3600", time.Hour},
		"NAT-PMP hears what PCP was asked":  {&router{pmp: true, spoil: cutShort}, NATPMP, inside, "udp 41234 nat-pmp 41234 3600", time.Hour},
		"NAT-PMP lies, UPnP does not":       {&router{pmp: true, igd: 1, spoil: noAddress}, UPnP, inside, "udp 41234 upnp 41234 3600", time.Hour},
		"PCP answers somebody else's nonce": {&router{pcp: true, igd: 1, spoil: otherNonce}, UPnP, inside, "udp 41234 upnp 41234 3600", time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := startRouter(t, c.router)
			m, changes := follow(t, r.here)
			got := next(t, changes)
			want := Mapping{Router: r.here, Protocol: c.want, External: netip.AddrPortFrom(r.external, c.port), Lifetime: c.lifetime}
			if got != want {
				t.Errorf("got  %v\nwant %v", got, want)
			}
			if got.Public() != (r.external == outside) {
				t.Errorf("public: %v", got.Public())
			}
			if table := r.table(); !slices.Contains(table, c.table) {
				t.Errorf("the router has %q", table)
			}
			m.Close()
			if table := withoutPCPOf(r, c.want); len(table) != 0 {
				t.Errorf("left behind: %q", table)
			}
			if len(changes) != 0 {
				t.Errorf("told at the end: %v", <-changes)
			}
		})
	}
}

// withoutPCPOf is the router's table without what it entered for requests whose
// answers the test spoiled.
func withoutPCPOf(r *router, won Protocol) []string {
	var list []string
	for _, e := range r.table() {
		if r.spoil == nil || strings.Contains(e, string(won)) {
			list = append(list, e)
		}
	}
	return list
}

// cutShort leaves only the result in answers that refuse.
func cutShort(b []byte) []byte {
	if b[0] == pmpVersion && b[3] != 0 {
		return b[:4]
	}
	return b
}

func noAddress(b []byte) []byte {
	if b[0] == pmpVersion && b[1] == response|pmpExternal {
		clear(b[8:12])
	}
	return b
}

func otherNonce(b []byte) []byte {
	if len(b) >= pcpMapLength {
		b[30]++
	}
	return b
}

func TestConflict(t *testing.T) {
	r := startRouter(t, &router{igd: 1, taken: map[uint16]bool{inside: true}})
	_, changes := follow(t, r.here)
	if got := next(t, changes); got.External.Port() < 49152 || got.Protocol != UPnP {
		t.Errorf("got %v", got)
	}
}

// TestLateBetter: PCP is slow, NAT-PMP is taken first and then left.
func TestLateBetter(t *testing.T) {
	r := startRouter(t, &router{pcp: true, igd: 1, pcpDelay: 1200 * time.Millisecond})
	m, changes := follow(t, r.here)
	if got := next(t, changes); got.Protocol != UPnP {
		t.Fatalf("first %v", got)
	}
	if got := next(t, changes); got.Protocol != PCP {
		t.Fatalf("then %v", got)
	}
	m.Close()
	if s := m.Stats(); s.Made != 2 {
		t.Errorf("%+v", s)
	}
}

// TestDeaf: nothing there speaks anything; the mapper says so and ends at once.
func TestDeaf(t *testing.T) {
	r := startRouter(t, &router{})
	m, changes := follow(t, r.here)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, a := range Probe(ctx, []Router{r.here}, nil, nil) {
		if !errors.Is(a.Err, ErrNoAnswer) {
			t.Errorf("%s: %v", a.Protocol, a.Err)
		}
	}
	m.Close()
	if len(changes) != 0 {
		t.Errorf("told %v", <-changes)
	}
}

func TestProbe(t *testing.T) {
	r := startRouter(t, &router{pcp: true, pmp: true, igd: 1, external: netip.MustParseAddr("192.168.7.7")})
	answers := Probe(t.Context(), []Router{r.here, {}}, nil, nil)
	if len(answers) != 3 {
		t.Fatalf("%v", answers)
	}
	for i, p := range []Protocol{PCP, NATPMP, UPnP} {
		a := answers[i]
		if a.Protocol != p || a.Err != nil || a.Router != r.here {
			t.Errorf("%d: %+v", i, a)
		}
		if p != PCP && (a.External != r.external || !a.Behind()) {
			t.Errorf("%s: outside address %v", p, a.External)
		}
	}
	if table := r.table(); len(table) != 0 {
		t.Errorf("probing made mappings: %q", table)
	}
}

// TestLedAway: a device on the network tells to go elsewhere, in every way there
// is. The trap must not see a connection.
func TestLedAway(t *testing.T) {
	trap, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer trap.Close()
	connected := make(chan struct{}, 16)
	go func() {
		for {
			c, err := trap.Accept()
			if err != nil {
				return
			}
			connected <- struct{}{}
			c.Close()
		}
	}()
	elsewhere := "http://" + trap.Addr().String()
	_, port, _ := net.SplitHostPort(trap.Addr().String())
	var asking sync.WaitGroup
	for name, r := range map[string]*router{
		"location":            {location: func(string) string { return elsewhere + "/root.xml" }},
		"location by name":    {location: func(string) string { return "http://localhost:" + port + "/root.xml" }},
		"location, v4 in v6":  {location: func(string) string { return "http://[::ffff:127.0.0.1]:" + port + "/" }},
		"location, decimal":   {location: func(string) string { return "http://2130706433:" + port + "/" }},
		"location, user":      {location: func(own string) string { return strings.Replace(own, "http://", "http://a@", 1) }},
		"location, scheme":    {location: func(own string) string { return strings.Replace(own, "http://", "gopher://", 1) }},
		"control URL":         {description: func(string) string { return describe(1, elsewhere+"/control") }},
		"control URL by name": {description: func(string) string { return describe(1, "http://localhost:"+port+"/control") }},
		"base URL": {description: func(string) string {
			return strings.Replace(describe(1, "/control"), "<device>", "<URLBase>"+elsewhere+"</URLBase><device>", 1)
		}},
		"an endless description": {description: func(string) string { return describe(1, "/"+strings.Repeat("x", 2*maxBody)) }},
		"no XML":                 {description: func(string) string { return "<root><device>" }},
		"deep":                   {description: func(string) string { return strings.Repeat("<device>", maxBody/8-10) }},
		"no services":            {description: func(string) string { return "<root xmlns='urn:schemas-upnp-org:device-1-0'/>" }},
		"address 0.0.0.0":        {externalByUPnP: "0.0.0.0"},
		"address ::1":            {externalByUPnP: "::1"},
		"a loopback address":     {externalByUPnP: "127.0.0.1"},
		"no address":             {externalByUPnP: "unknown"},
	} {
		r.igd = 1
		startRouter(t, r)
		asking.Go(func() {
			u := &upnp{wire: testWire(t), router: r.here}
			if address, err := u.find(t.Context()); err == nil {
				t.Errorf("%s: taken for true: %v", name, address)
			}
		})
	}
	asking.Wait()
	if len(connected) != 0 {
		t.Error("the trap was visited")
	}
}

func testWire(t *testing.T) *wire {
	return &wire{sockets: system{}, log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})), name: "test", ignored: new(atomic.Int64)}
}

func TestConfig(t *testing.T) {
	if _, err := New(Config{}); err == nil {
		t.Error("nothing to map, and no error")
	}
	for _, r := range []Router{
		{}, {Gateway: netip.MustParseAddr("10.0.0.1")},
		{Gateway: netip.MustParseAddr("10.0.0.1"), Local: netip.MustParseAddr("fd00::1")},
		{Gateway: netip.MustParseAddr("0.0.0.0"), Local: netip.MustParseAddr("10.0.0.2")},
		{Gateway: netip.MustParseAddr("fe80::1%eth0"), Local: netip.MustParseAddr("fe80::2")},
	} {
		if r.check() == nil {
			t.Errorf("%v passes for a router", r)
		}
	}
}
