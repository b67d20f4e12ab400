package ice

import (
	"net/netip"
	"testing"
	"time"

	"godwit/xep/icetransport"
)

// A world of two agents and a network that decides, for each packet, from which
// address it arrives, or that it does not.
type world struct {
	t      *testing.T
	now    time.Time
	agents [2]*Agent
	bases  [2]map[BaseID]netip.AddrPort
	routes func(from side, base netip.AddrPort, to netip.AddrPort) (seen netip.AddrPort, arrives bool)
	queue  []flying
	events [2][]Selected
	sent   int
}

type side int

type flying struct {
	at   time.Time
	to   side
	base BaseID
	from netip.AddrPort
	data []byte
}

const oneWay = 40 * time.Millisecond

var (
	hostA  = netip.MustParseAddrPort("192.0.2.1:1000")
	hostB  = netip.MustParseAddrPort("198.51.100.1:2000")
	relayA = netip.MustParseAddrPort("203.0.113.1:3000")
)

func anything(netip.Addr) bool { return true }

func newWorld(t *testing.T) *world {
	w := &world{t: t, now: time.Unix(1000, 0)}
	credentials := [2]Credentials{{"aaaa", "password-of-a-012345678"}, {"bbbb", "password-of-b-012345678"}}
	for i := range 2 {
		w.agents[i] = New(credentials[i], anything)
		w.bases[i] = make(map[BaseID]netip.AddrPort)
	}
	w.routes = func(_ side, base, _ netip.AddrPort) (netip.AddrPort, bool) { return base, true }
	for i := range 2 {
		w.agents[i].Start(i == 0, credentials[1-i], w.now)
	}
	return w
}

func (w *world) base(s side, address netip.AddrPort, relayed bool) BaseID {
	id, ok := w.agents[s].AddBase(Base{Address: address, Relayed: relayed}, w.now)
	if !ok {
		w.t.Fatal("no room for a base")
	}
	w.bases[s][id] = address
	return id
}

func (w *world) tell(s side, kind icetransport.Kind, address netip.AddrPort) {
	w.agents[s].AddRemote([]icetransport.Candidate{{Component: 1, Kind: kind, Address: address, Priority: 100}}, w.now)
}

// run lets time pass in steps.
func (w *world) run(d time.Duration) {
	for end := w.now.Add(d); w.now.Before(end); w.now = w.now.Add(5 * time.Millisecond) {
		var later []flying
		for _, f := range w.queue {
			if w.now.Before(f.at) {
				later = append(later, f)
				continue
			}
			w.agents[f.to].Receive(f.base, f.data, f.from, w.now)
		}
		w.queue = later
		for i := range 2 {
			w.agents[i].Tick(w.now)
			packets, decided := w.agents[i].Drain()
			w.events[i] = append(w.events[i], decided...)
			for _, p := range packets {
				w.sent++
				w.fly(side(i), p)
			}
		}
	}
}

func (w *world) fly(from side, p Packet) {
	seen, arrives := w.routes(from, w.bases[from][p.Base], p.To)
	if !arrives {
		return
	}
	for id, address := range w.bases[1-from] {
		if address == p.To {
			w.queue = append(w.queue, flying{w.now.Add(oneWay), 1 - from, id, seen, p.Data})
		}
	}
}

func (w *world) last(s side) (Selected, bool) {
	if n := len(w.events[s]); n > 0 {
		return w.events[s][n-1], true
	}
	return Selected{}, false
}

func TestDirectPairIsTaken(t *testing.T) {
	w := newWorld(t)
	w.base(0, hostA, false)
	w.base(1, hostB, false)
	w.tell(0, icetransport.Host, hostB)
	w.tell(1, icetransport.Host, hostA)
	w.run(300 * time.Millisecond)
	for i, remote := range []netip.AddrPort{hostB, hostA} {
		s, ok := w.last(side(i))
		if !ok || s.Remote != remote || s.Relayed() || len(w.events[i]) != 1 {
			t.Errorf("%d: %+v", i, w.events[i])
		}
	}
	w.agents[0].Settle()
	w.agents[1].Settle()
	before := w.sent
	w.run(time.Minute)
	if n := w.sent - before; n < 10 || n > 60 {
		t.Errorf("%d packets in a minute keep one pair", n)
	}
}

// TestPeerReflexive: only one side is told an address; the other learns.
func TestPeerReflexive(t *testing.T) {
	w := newWorld(t)
	w.base(0, hostA, false)
	w.base(1, hostB, false)
	w.tell(0, icetransport.Host, hostB)
	w.run(500 * time.Millisecond)
	if s, ok := w.last(1); !ok || s.RemoteKind != icetransport.PeerReflexive || s.Remote != hostA {
		t.Errorf("%+v", s)
	}
	w.tell(1, icetransport.ServerReflexive, hostA)
	if kind, ok := w.agents[1].Knows(hostA); !ok || kind != icetransport.ServerReflexive {
		t.Errorf("told afterwards: %v", kind)
	}
}

// relayedWorld has a direct pair that is shut, and a relay on the first side.
func relayedWorld(t *testing.T, shut *bool) *world {
	w := newWorld(t)
	w.routes = func(_ side, base, to netip.AddrPort) (netip.AddrPort, bool) {
		if *shut && (base == hostA && to == hostB || base == hostB && to == hostA) {
			return netip.AddrPort{}, false
		}
		return base, true
	}
	w.base(0, hostA, false)
	w.base(1, hostB, false)
	w.tell(0, icetransport.Host, hostB)
	w.tell(1, icetransport.Host, hostA)
	w.base(0, relayA, true)
	return w
}

// TestRelayIsLeft: however long a relay has carried, a direct pair replaces it
// soon after it has begun to work.
func TestRelayIsLeft(t *testing.T) {
	for _, carried := range []time.Duration{time.Second, 10 * time.Second, 2 * time.Minute, time.Hour} {
		shut := true
		w := relayedWorld(t, &shut)
		w.tell(1, icetransport.Relayed, relayA)
		w.run(carried)
		for i := range 2 {
			if s, ok := w.last(side(i)); !ok || !s.Relayed() {
				t.Fatalf("%v: %+v", carried, s)
			}
		}
		before := w.sent
		w.run(time.Minute)
		if n := w.sent - before; n > 400 {
			t.Errorf("after %v: %d packets a minute", carried, n)
		}
		shut = false
		begun := w.now
		bound := 2 * time.Second
		if carried > 5*time.Minute {
			bound = 11 * time.Second
		}
		for done := false; !done; {
			w.run(10 * time.Millisecond)
			a, _ := w.last(0)
			b, _ := w.last(1)
			done = !a.Relayed() && !b.Relayed()
			if w.now.Sub(begun) > bound {
				t.Fatalf("after %v: not left", carried)
			}
		}
	}
}

// TestExpectedRelay: where no direct pair is expected, the first answer decides.
func TestExpectedRelay(t *testing.T) {
	shut := true
	w := relayedWorld(t, &shut)
	w.agents[0].ExpectRelay()
	w.agents[1].ExpectRelay()
	w.run(2*oneWay + 20*time.Millisecond)
	if s, ok := w.last(0); !ok || !s.Relayed() {
		t.Errorf("%+v", s)
	}
	w.run(oneWay)
	if s, ok := w.last(1); !ok || !s.Relayed() || len(w.events[1]) != 1 {
		t.Errorf("%+v", w.events[1])
	}
	shut = false
	w.run(2 * time.Second)
	for i := range 2 {
		if s, _ := w.last(side(i)); s.Relayed() || len(w.events[i]) != 2 {
			t.Errorf("%d: not left: %+v", i, w.events[i])
		}
	}
}

// TestWakeIsQuick: a change on one side brings quick checks after an hour.
func TestWakeIsQuick(t *testing.T) {
	shut := true
	w := relayedWorld(t, &shut)
	w.run(time.Hour)
	shut = false
	w.agents[0].Wake(w.now)
	w.agents[1].Wake(w.now)
	w.run(500 * time.Millisecond)
	if s, _ := w.last(0); s.Relayed() {
		t.Errorf("%+v", s)
	}
}

// TestRelaySaysSo: a check from a relay that was not announced is not taken for a
// direct path.
func TestRelaySaysSo(t *testing.T) {
	shut := true
	w := relayedWorld(t, &shut)
	w.run(time.Second)
	s, ok := w.last(1)
	if !ok || s.RemoteKind != icetransport.Relayed || !s.Relayed() {
		t.Errorf("%+v", s)
	}
}

func TestRejectedPairsRest(t *testing.T) {
	shut := false
	w := relayedWorld(t, &shut)
	w.run(time.Second)
	s, _ := w.last(0)
	if s.Relayed() {
		t.Fatalf("%+v", s)
	}
	w.agents[0].Reject(s.Base, s.Remote, w.now)
	w.agents[1].Reject(1, hostA, w.now)
	w.run(time.Second)
	if s, _ := w.last(0); !s.Relayed() {
		t.Errorf("the rejected pair was taken again at once: %+v", s)
	}
	w.run(rejectedFor + 2*time.Second)
	if s, _ := w.last(0); s.Relayed() {
		t.Errorf("the rejected pair is never tried again: %+v", s)
	}
}

// TestRoleConflict: both sides control; one gives in.
func TestRoleConflict(t *testing.T) {
	w := newWorld(t)
	w.agents[1].controlling = true
	w.base(0, hostA, false)
	w.base(1, hostB, false)
	w.tell(0, icetransport.Host, hostB)
	w.tell(1, icetransport.Host, hostA)
	w.run(2 * time.Second)
	if w.agents[0].controlling == w.agents[1].controlling {
		t.Error("both or neither control")
	}
	for i := range 2 {
		if _, ok := w.last(side(i)); !ok {
			t.Error("no pair was taken")
		}
	}
}

func TestStrangersAreNotAnswered(t *testing.T) {
	w := newWorld(t)
	id := w.base(0, hostA, false)
	role := raw{0x802A, make([]byte, 8)}
	for _, c := range []struct{ local, remote Credentials }{
		{Credentials{"bbbb", ""}, Credentials{"aaaa", "a guess"}},
		{Credentials{"cccc", ""}, w.agents[0].local},
	} {
		_, data := Check(c.local, c.remote, role, raw{0x0024, priorityOf(1)}, true)
		w.agents[0].Receive(id, data, hostB, w.now)
	}
	if packets, events := w.agents[0].Drain(); len(packets) != 0 || len(events) != 0 || len(w.agents[0].remotes) != 0 {
		t.Errorf("%v %v", packets, events)
	}
}

// TestThirdParties: a peer that names addresses of others causes few packets.
func TestThirdParties(t *testing.T) {
	w := newWorld(t)
	w.base(0, hostA, false)
	to := make(map[netip.AddrPort]int)
	w.routes = func(_ side, _, to2 netip.AddrPort) (netip.AddrPort, bool) { to[to2]++; return to2, false }
	for i := range 300 {
		w.tell(0, []icetransport.Kind{icetransport.Host, icetransport.ServerReflexive, icetransport.Relayed, icetransport.PeerReflexive}[i%4],
			netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)}), 53))
	}
	if n := len(w.agents[0].remotes); n > maxHosts+maxReflexive+maxRelayed+maxLearned {
		t.Errorf("%d candidates at one time", n)
	}
	w.run(10 * time.Minute)
	for address, n := range to {
		if n > 420 {
			t.Errorf("%d packets to %v", n, address)
		}
	}
}

// TestRelaysStayOutOfPrivateNetworks: a public relay is not made to try private
// addresses.
func TestRelaysStayOutOfPrivateNetworks(t *testing.T) {
	w := newWorld(t)
	w.base(0, relayA, true)
	for _, address := range []string{"10.0.0.1:22", "192.168.1.1:80", "100.64.0.1:1", "127.0.0.1:5222", "169.254.169.254:80"} {
		w.tell(0, icetransport.Host, netip.MustParseAddrPort(address))
	}
	w.run(time.Second)
	if w.sent != 0 {
		t.Errorf("%d packets", w.sent)
	}
}

func FuzzReceive(f *testing.F) {
	a := New(Credentials{"aaaa", "p"}, anything)
	_, data := Check(Credentials{"bbbb", ""}, a.local, raw{0x8029, make([]byte, 8)}, raw{0x0024, priorityOf(1)}, true)
	f.Add(data)
	f.Add([]byte{1, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42})
	f.Fuzz(func(t *testing.T, data []byte) {
		a := New(Credentials{"aaaa", "p"}, anything)
		now := time.Unix(1, 0)
		id, _ := a.AddBase(Base{Address: hostA}, now)
		a.Start(false, Credentials{"bbbb", "q"}, now)
		a.Receive(id, data, hostB, now)
		if packets, _ := a.Drain(); len(packets) > 2 {
			t.Fatalf("%d packets for one", len(packets))
		}
	})
}
