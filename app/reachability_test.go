package app

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"godwit/nat"
	"godwit/nat/network"
	"godwit/nat/portmap"
	"godwit/xep/extdisco"
	"godwit/xep/reach"
)

// told is a transport that remembers what it was told.
// told is what a transport was told; mu guards it.
type told struct {
	mu      *sync.Mutex
	mapped  []netip.AddrPort
	reach   reach.Reach
	changes int
}

func (k *told) SetMapped(list []netip.AddrPort) { lockedBy(k.mu, func() { k.mapped = list }) }
func (k *told) SetReach(r reach.Reach)          { lockedBy(k.mu, func() { k.reach = r }) }
func (k *told) NetworkChanged()                 { lockedBy(k.mu, func() { k.changes++ }) }

type fakeMapper struct {
	mu              *sync.Mutex
	changes, closed int
}

func (m *fakeMapper) NetworkChanged() { lockedBy(m.mu, func() { m.changes++ }) }
func (m *fakeMapper) Close()          { lockedBy(m.mu, func() { m.closed++ }) }

func lockedBy(mu *sync.Mutex, f func()) {
	mu.Lock()
	defer mu.Unlock()
	f()
}

func homeNetwork(gateway, local string) network.State {
	return network.State{
		Addresses: []network.Address{{Prefix: netip.MustParsePrefix(local), Interface: "eth0"}},
		Four:      network.Route{Interface: "eth0", Gateway: netip.MustParseAddr(gateway)},
	}
}

func reportOf(class reach.Class, public string) nat.Report {
	return nat.Report{
		Reach: reach.Reach{Class: class}, At: time.Now(),
		IPv4: nat.Family{State: nat.Answered, Class: class, Public: netip.MustParseAddrPort(public), Local: netip.MustParseAddrPort("192.168.1.2:5")},
	}
}

// TestReachability goes through a sign-in, a change of network and back, and the end.
func TestReachability(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		networks := make(chan network.Change)
		services := make(chan []extdisco.Service, 1)
		var mu sync.Mutex // guards what follows: between goroutines that sleep, time alone orders nothing
		transport, mapper := &told{mu: &mu}, &fakeMapper{mu: &mu}
		var changed func([]portmap.Mapping)
		var client reach.Reach
		hints, asked := 0, 0
		next, failure := reportOf(reach.Symmetric, "27.1.2.1:7"), error(nil)
		locked := func(f func()) { lockedBy(&mu, f) }
		r := startReachability(reachConfig{
			services: services, port: 4000, mapping: true, transports: []directTransport{transport},
			setReach: func(now reach.Reach) { locked(func() { client = now }) }, changed: func() { locked(func() { hints++ }) }, log: slog.New(slog.DiscardHandler),
			watch: func(ctx context.Context) <-chan network.Change {
				context.AfterFunc(ctx, func() { close(networks) })
				return networks
			},
			discover: func(_ context.Context, c nat.Config) (nat.Report, error) {
				locked(func() { asked++ })
				if !slices.Equal(c.Servers, []string{"27.1.1.1:3478"}) {
					t.Errorf("asked %v", c.Servers)
				}
				time.Sleep(time.Second)
				mu.Lock()
				defer mu.Unlock()
				return next, failure
			},
			newMap: func(c portmap.Config) (portMapper, error) {
				changed = c.Changed
				return mapper, nil
			},
		})
		home, cafe := homeNetwork("192.168.1.1", "192.168.1.2/24"), homeNetwork("10.0.0.1", "10.0.0.2/24")
		networks <- network.Change{State: home, First: true}
		synctest.Wait()
		if changed != nil || asked != 0 || hints != 0 {
			t.Error("begun before the sign-in")
		}
		services <- []extdisco.Service{{Type: extdisco.STUN, Host: "27.1.1.1"}, {Type: extdisco.TURN, Host: "27.1.1.1"}, {Type: extdisco.STUN, Host: "27.1.1.1", Transport: "tcp"}}
		synctest.Wait()
		at := netip.MustParseAddrPort("27.1.2.1:4000")
		changed([]portmap.Mapping{{Protocol: portmap.PCP, External: at}})
		time.Sleep(2 * time.Second)
		synctest.Wait()
		mu.Lock()
		if client.Class != reach.Symmetric || client.Mapped != "pcp" || client.Client != "Godwit "+Version || !slices.Equal(client.Addresses, []netip.AddrPort{at}) {
			t.Errorf("the client knows %+v", client)
		}
		if !transport.reach.Equal(client) || !slices.Equal(transport.mapped, []netip.AddrPort{at}) {
			t.Errorf("the transport knows %+v, %v", transport.reach, transport.mapped)
		}

		// Somewhere else: told at once, and nothing of home is believed there, not even what was on its way.
		next = reportOf(reach.FullCone, "28.1.2.1:7")
		mu.Unlock()
		networks <- network.Change{State: cafe}
		changed(nil)
		synctest.Wait()
		mu.Lock()
		if transport.changes != 1 || hints != 1 || mapper.changes != 1 || client.Class != reach.UnknownClass || client.Mapped != "" || len(transport.mapped) != 0 {
			t.Errorf("after the change: %+v, %+v", client, transport)
		}
		mu.Unlock()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		mu.Lock()
		if client.Class != reach.FullCone || asked != 2 {
			t.Errorf("at the café, asked %d times: %+v", asked, client)
		}

		// Back home, what was known is said at once; nobody answers, and it is asked again later.
		failure = errors.New("no")
		mu.Unlock()
		networks <- network.Change{State: home}
		synctest.Wait()
		mu.Lock()
		if client.Class != reach.Symmetric {
			t.Errorf("home again: %+v", client)
		}
		mu.Unlock()
		time.Sleep(retryDiscovery - time.Second)
		synctest.Wait()
		before := 0
		locked(func() { before = asked })
		time.Sleep(time.Hour)
		synctest.Wait()
		mu.Lock()
		if n := asked - before; n < 4 || n > 8 {
			t.Errorf("asked %d times in an hour of silence", n)
		}
		mu.Unlock()
		r.close()
		if mapper.closed != 1 {
			t.Error("the mapping was not given back")
		}
	})
}

func TestDescribeReach(t *testing.T) {
	home := homeNetwork("192.168.1.1", "192.168.1.2/24")
	mapping := func(external string) []portmap.Mapping {
		return []portmap.Mapping{{Protocol: portmap.NATPMP, External: netip.MustParseAddrPort(external)}}
	}
	for name, c := range map[string]struct {
		report  nat.Report
		mapped  []portmap.Mapping
		want    string
		carrier reach.Tristate
	}{
		"no mapping":                         {reportOf(reach.Symmetric, "27.1.2.1:7"), nil, "", ""},
		"a mapping on the internet":          {reportOf(reach.Symmetric, "27.1.2.1:7"), mapping("27.1.2.1:9"), "nat-pmp", reach.No},
		"before anything else is known":      {nat.Report{}, mapping("27.1.2.1:9"), "nat-pmp", ""},
		"the router is behind a carrier":     {reportOf(reach.Symmetric, "27.1.2.1:7"), mapping("100.64.1.1:9"), "", reach.Yes},
		"the router's address is not seen":   {reportOf(reach.Symmetric, "27.1.2.1:7"), mapping("28.1.2.1:9"), "", reach.Yes},
		"a second router inside of the home": {reportOf(reach.Symmetric, "27.1.2.1:7"), mapping("192.168.0.2:9"), "", ""},
	} {
		got := describeReach(c.report, home, c.mapped, 4000)
		if got.Mapped != c.want || c.carrier != "" && got.Carrier != c.carrier {
			t.Errorf("%s: %+v", name, got)
		}
	}
	six := home
	six.Addresses = append(six.Addresses, network.Address{Prefix: netip.MustParsePrefix("2a00:1::2/64"), Interface: "eth0"})
	if got := describeReach(nat.Report{}, six, nil, 4000).Addresses; !slices.Equal(got, []netip.AddrPort{netip.MustParseAddrPort("[2a00:1::2]:4000")}) {
		t.Errorf("addresses %v", got)
	}
}
