package network

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func address(iface, prefix string) Address {
	return Address{Interface: iface, Prefix: netip.MustParsePrefix(prefix)}
}

func TestUsable(t *testing.T) {
	home := Route{Interface: "eth0", Gateway: netip.MustParseAddr("192.168.1.1")}
	many := []Address{address("docker0", "172.17.0.1/16"), address("br-0123456789ab", "172.18.0.1/16"), address("veth12", "169.254.3.4/16")}
	for i := range 40 {
		many = append(many, address(fmt.Sprintf("cni%d", i), fmt.Sprintf("10.%d.0.1/24", i)))
	}
	temporary := address("eth0", "2a00:1::1234/64")
	temporary.Temporary = true
	outdated := address("eth0", "2a00:1::9/64")
	outdated.Outdated = true
	for name, c := range map[string]struct {
		state State
		limit int
		want  string
	}{
		"nothing":     {want: ""},
		"one address": {state: State{Addresses: []Address{address("eth0", "192.168.1.2/24")}, Four: home}, want: "192.168.1.2"},
		"container networks do not crowd out": {
			state: State{Addresses: append(many, address("eth0", "192.168.1.2/24"), address("wg0", "10.200.0.2/24"), address("wlan0", "192.168.2.2/24")), Four: home},
			want:  "192.168.1.2 192.168.2.2 10.200.0.2"},
		"only container networks":      {state: State{Addresses: []Address{address("docker0", "172.17.0.1/16")}}, want: "172.17.0.1"},
		"the way out is a bridge":      {state: State{Addresses: []Address{address("docker0", "172.17.0.1/16"), address("br-lan", "10.0.0.2/8")}, Four: Route{Interface: "docker0"}}, want: "172.17.0.1 10.0.0.2"},
		"link-local and outdated ones": {state: State{Addresses: []Address{address("eth0", "fe80::1/64"), address("eth0", "169.254.1.1/16"), address("eth0", "fec0::1/64"), outdated, address("eth0", "192.168.1.2/24")}, Four: home}, want: "192.168.1.2"},
		"temporary first, private last": {
			state: State{Addresses: []Address{address("eth0", "fd00::1/64"), address("eth0", "2a00:1::1/64"), temporary}, Six: Route{Interface: "eth0"}},
			want:  "2a00:1::1234 2a00:1::1 fd00::1"},
		"an interface with dozens": {state: State{Addresses: []Address{
			address("eth1", "10.1.0.1/24"), address("eth1", "10.1.0.2/24"), address("eth1", "10.1.0.3/24"),
			address("eth0", "10.2.0.1/24"), address("eth0", "10.2.0.2/24"), address("eth0", "10.2.0.3/24"), address("eth0", "10.2.0.4/24")}, Four: home},
			want: "10.2.0.1 10.2.0.2 10.2.0.3 10.1.0.1 10.1.0.2"},
		"a limit": {state: State{Addresses: []Address{address("eth0", "10.2.0.1/24"), address("eth0", "10.2.0.2/24")}, Four: home}, limit: 1, want: "10.2.0.1"},
	} {
		var got []string
		for _, a := range c.state.Usable(c.limit) {
			got = append(got, a.String())
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: got %v, want %s", name, got, c.want)
		}
	}
}

func TestRoutersAndID(t *testing.T) {
	s := State{
		Addresses: []Address{address("eth1", "192.168.1.9/24"), address("eth0", "192.168.1.2/24"), address("eth0", "fd00::2/64"), address("eth0", "2a00:1::2/64")},
		Four:      Route{Interface: "eth0", Gateway: netip.MustParseAddr("192.168.1.1"), Hardware: "02:00:00:00:00:01"},
		Six:       Route{Interface: "eth0", Gateway: netip.MustParseAddr("fe80::1%eth0")},
	}
	want := []Router{
		{s.Four.Gateway, netip.MustParseAddr("192.168.1.2"), netip.MustParsePrefix("192.168.1.0/24")},
		{s.Six.Gateway, netip.MustParseAddr("2a00:1::2"), netip.MustParsePrefix("2a00:1::/64")},
	}
	if got := s.Routers(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if got, want := s.ID(), "192.168.1.1 02:00:00:00:00:01 192.168.1.0/24; fe80::1 2a00:1::/64 fd00::/64"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := (State{Addresses: s.Addresses}).ID(); got != "" {
		t.Errorf("a network without a way out is called %q", got)
	}
	if got := (State{Addresses: s.Addresses, Four: Route{Interface: "eth0", Gateway: netip.MustParseAddr("192.168.1.2")}}).Routers(); len(got) != 0 {
		t.Errorf("its own router: %v", got)
	}
}

func TestParse(t *testing.T) {
	const routes = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
wlan0	00000000	0102A8C0	0003	0	0	600	00000000	0	0	0
eth0	00000000	0101A8C0	0003	0	0	100	00000000	0	0	0
dead0	00000000	0901A8C0	0203	0	0	1	00000000	0	0	0
eth0	0001A8C0	00000000	0001	0	0	100	00FFFFFF	0	0	0
`
	if got := parseRoutes4(routes); got != (Route{Interface: "eth0", Gateway: netip.MustParseAddr("192.168.1.1")}) {
		t.Errorf("IPv4: %+v", got)
	}
	const routes6 = `00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0
20010db8000000000000000000000000 20 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo
`
	if got := parseRoutes6(routes6); got != (Route{Interface: "eth0", Gateway: netip.MustParseAddr("fe80::1%eth0")}) {
		t.Errorf("IPv6: %+v", got)
	}
	if got := parseRoutes4("ppp0	00000000	00000000	0001	0	0	0	00000000	0	0	0\n"); got != (Route{Interface: "ppp0"}) {
		t.Errorf("a link without a router: %+v", got)
	}
	const arp = `IP address       HW type     Flags       HW address            Mask     Device
192.168.1.1      0x1         0x2         aa:bb:cc:dd:ee:ff     *        eth0
192.168.1.3      0x1         0x0         00:00:00:00:00:00     *        eth0
`
	router := netip.MustParseAddr("192.168.1.1")
	if got := parseHardware(arp, "eth0", router); got != "aa:bb:cc:dd:ee:ff" {
		t.Errorf("hardware address %q", got)
	}
	if got := parseHardware(arp, "eth1", router) + parseHardware(arp, "eth0", netip.MustParseAddr("192.168.1.3")); got != "" {
		t.Errorf("hardware address of nobody: %q", got)
	}
	flags := parseFlags6("fe800000000000000000000000000001 02 40 20 c0     eth0\n20010db8000000000000000000000001 02 40 00 01     eth0\nnonsense\n")
	if len(flags) != 2 || flags[netip.MustParseAddr("2001:db8::1")] != addressTemporary {
		t.Errorf("flags %v", flags)
	}
}

func FuzzTables(f *testing.F) {
	f.Add("wlan0	00000000	0102A8C0	0003	0	0	600	00000000	0	0	0\n")
	f.Add("00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0\n")
	f.Add("192.168.1.1      0x1         0x2         aa:bb:cc:dd:ee:ff     *        eth0\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range []Route{parseRoutes4(text), parseRoutes6(text)} {
			if r.Gateway.IsValid() && (r.Interface == "" || r.Gateway.IsUnspecified()) {
				t.Errorf("%+v", r)
			}
		}
		parseFlags6(text)
		parseHardware(text, "eth0", netip.MustParseAddr("192.168.1.1"))
	})
}

func TestGuess(t *testing.T) {
	s := guess([]Address{address("en0", "192.168.1.7/24"), address("en1", "10.0.0.1/30"), address("en0", "2a00::7/64")},
		netip.MustParseAddr("192.168.1.7"), netip.MustParseAddr("2a00::7"))
	if s.Four != (Route{Interface: "en0", Gateway: netip.MustParseAddr("192.168.1.1")}) || s.Six != (Route{Interface: "en0"}) {
		t.Errorf("%+v", s)
	}
	for _, p := range []string{"192.168.1.1/24", "10.0.0.1/32", "10.0.0.0/31"} {
		if got := firstOf(netip.MustParsePrefix(p)); got.IsValid() {
			t.Errorf("%s has the router %v", p, got)
		}
	}
}

// world is what a watch sees, under the test's hand.
type world struct {
	mu     sync.Mutex
	state  State
	err    error
	events chan struct{}
	reads  int
	sleep  time.Duration
}

func (w *world) options() Options {
	start := time.Now()
	return Options{
		current: func() (State, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.reads++
			return w.state, w.err
		},
		events: func(context.Context) (<-chan struct{}, error) {
			if w.events == nil {
				return nil, errors.New("not here")
			}
			return w.events, nil
		},
		clocks: func() (running, all time.Duration) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return time.Since(start), time.Since(start) + w.sleep
		},
	}
}

// set changes the world.
func (w *world) set(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

func at(prefixes ...string) State {
	s := State{Four: Route{Interface: "eth0", Gateway: netip.MustParseAddr("192.168.1.1")}}
	for _, p := range prefixes {
		s.Addresses = append(s.Addresses, address("eth0", p))
	}
	return s
}

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := &world{state: at("192.168.1.2/24"), events: make(chan struct{})}
		changes := Watch(ctx, w.options())
		expect := func(why string, want State, slept time.Duration) {
			t.Helper()
			synctest.Wait()
			select {
			case c := <-changes:
				if !c.State.Same(want) || c.Slept != slept {
					t.Errorf("%s: %+v", why, c)
				}
			default:
				t.Errorf("%s: not told", why)
			}
		}
		quiet := func(why string) {
			t.Helper()
			synctest.Wait()
			select {
			case c := <-changes:
				t.Errorf("%s: told %+v", why, c)
			default:
			}
		}
		if c := <-changes; !c.First || !c.State.Same(at("192.168.1.2/24")) {
			t.Errorf("first %+v", c)
		}
		w.set(func() { w.state = at("192.168.1.3/24") })
		w.events <- struct{}{}
		quiet("before it settled")
		time.Sleep(settle)
		expect("another address", w.state, 0)

		w.set(func() {
			w.state.Addresses = append(w.state.Addresses, address("docker0", "172.17.0.1/16"), address("veth0", "fe80::1/64"))
		})
		w.events <- struct{}{}
		time.Sleep(settle)
		quiet("a container network came")

		w.set(func() { w.state.Four.Hardware = "02:00:00:00:00:01" })
		w.events <- struct{}{}
		time.Sleep(settle)
		quiet("the router's hardware address became known")
		w.set(func() { w.state.Four.Hardware = "02:00:00:00:00:02" })
		w.events <- struct{}{}
		time.Sleep(settle)
		expect("another router with the same address", w.state, 0)

		// Events without end do not put it off for ever, and cost a few reads only.
		w.set(func() { w.state, w.reads = at("192.168.1.4/24"), 0 })
		for range 100 {
			w.events <- struct{}{}
			time.Sleep(10 * time.Millisecond)
		}
		expect("in a storm", w.state, 0)
		if w.reads < 1 || w.reads > 4 { // the watch is idle: expect has waited for it
			t.Errorf("%d reads in a second of storm", w.reads)
		}
		time.Sleep(settle)

		w.set(func() { w.state = State{} })
		w.events <- struct{}{}
		time.Sleep(settle)
		w.set(func() { w.state = at("10.0.0.2/8") })
		w.events <- struct{}{}
		time.Sleep(settle)
		expect("two changes that nobody read in between", w.state, 0)
		quiet("and only once")

		w.set(func() { w.sleep = time.Hour })
		time.Sleep(poll)
		expect("it slept", w.state, time.Hour)
		w.set(func() { w.err = errors.New("no") })
		w.events <- struct{}{}
		time.Sleep(settle)
		quiet("it could not be read")
		cancel()
		synctest.Wait()
		if _, open := <-changes; open {
			t.Error("still open")
		}
	})
}

func TestPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := &world{state: at("192.168.1.2/24")}
		changes := Watch(ctx, w.options())
		<-changes
		w.set(func() { w.state = State{} })
		began := time.Now()
		if c := <-changes; len(c.State.Addresses) != 0 || time.Since(began) > poll {
			t.Errorf("%+v after %v", c, time.Since(began))
		}
		cancel()
		<-changes
	})
}

func TestCurrent(t *testing.T) {
	s, err := Current()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%q: %+v", s.ID(), s)
	running, all := clocks()()
	if all < running {
		t.Errorf("slept %v", all-running)
	}
	ctx, cancel := context.WithCancel(t.Context())
	changes := Watch(ctx, Options{})
	if c := <-changes; !c.First {
		t.Errorf("%+v", c)
	}
	cancel()
	for range changes {
	}
}

func TestMain(m *testing.M) {
	if child() {
		return
	}
	goleak.VerifyTestMain(m)
}
