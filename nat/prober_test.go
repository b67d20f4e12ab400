package nat

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"godwit/xep/reach"
)

// What each kind of NAT must be found to be, by what the server can show.
var simKinds = []struct {
	name string
	nat  natModel
	full Family // with two addresses
	one  Family // with two ports of one address
	two  Family // with two plain servers
}{
	{"open", natModel{none: true},
		Family{Class: reach.Open, Mapping: reach.None, Filtering: reach.None, PortPreserved: reach.Yes},
		Family{Mapping: reach.None, Filtering: reach.AtMostAddress, PortPreserved: reach.Yes},
		Family{Mapping: reach.None, PortPreserved: reach.Yes}},
	{"firewall by address", natModel{none: true, filtering: 1},
		Family{Class: reach.Firewall, Mapping: reach.None, Filtering: reach.AddressDependent, PortPreserved: reach.Yes},
		Family{Mapping: reach.None, Filtering: reach.AtMostAddress, PortPreserved: reach.Yes},
		Family{Mapping: reach.None, PortPreserved: reach.Yes}},
	{"firewall", natModel{none: true, filtering: 2},
		Family{Class: reach.Firewall, Mapping: reach.None, Filtering: reach.AddressPortDependent, PortPreserved: reach.Yes},
		Family{Class: reach.Firewall, Mapping: reach.None, Filtering: reach.AddressPortDependent, PortPreserved: reach.Yes},
		Family{Mapping: reach.None, PortPreserved: reach.Yes}},
	{"full cone", natModel{preserve: true},
		Family{Class: reach.FullCone, Mapping: reach.EndpointIndependent, Filtering: reach.EndpointIndependent, PortPreserved: reach.Yes},
		Family{Mapping: reach.AtMostAddress, Filtering: reach.AtMostAddress, PortPreserved: reach.Yes},
		Family{Mapping: reach.EndpointIndependent, PortPreserved: reach.Yes}},
	{"restricted", natModel{filtering: 1, preserve: true},
		Family{Class: reach.RestrictedCone, Mapping: reach.EndpointIndependent, Filtering: reach.AddressDependent, PortPreserved: reach.Yes},
		Family{Mapping: reach.AtMostAddress, Filtering: reach.AtMostAddress, PortPreserved: reach.Yes},
		Family{Mapping: reach.EndpointIndependent, PortPreserved: reach.Yes}},
	{"port restricted", natModel{filtering: 2, preserve: true},
		Family{Class: reach.PortRestricted, Mapping: reach.EndpointIndependent, Filtering: reach.AddressPortDependent, PortPreserved: reach.Yes},
		Family{Mapping: reach.AtMostAddress, Filtering: reach.AddressPortDependent, PortPreserved: reach.Yes},
		Family{Mapping: reach.EndpointIndependent, PortPreserved: reach.Yes}},
	{"port restricted, random ports", natModel{filtering: 2},
		Family{Class: reach.PortRestricted, Mapping: reach.EndpointIndependent, Filtering: reach.AddressPortDependent, PortPreserved: reach.No},
		Family{Mapping: reach.AtMostAddress, Filtering: reach.AddressPortDependent, PortPreserved: reach.No},
		Family{Mapping: reach.EndpointIndependent, PortPreserved: reach.No}},
	{"symmetric by address", natModel{mapping: 1, filtering: 1},
		Family{Class: reach.Symmetric, Mapping: reach.AddressDependent, Filtering: reach.AddressDependent, PortPreserved: reach.No},
		Family{Mapping: reach.AtMostAddress, Filtering: reach.AtMostAddress, PortPreserved: reach.No},
		Family{Class: reach.Symmetric, Mapping: reach.AtLeastAddress, PortPreserved: reach.No}},
	{"symmetric", natModel{mapping: 2, filtering: 2},
		Family{Class: reach.Symmetric, Mapping: reach.AddressPortDependent, Filtering: reach.AddressPortDependent, PortPreserved: reach.No},
		Family{Class: reach.Symmetric, Mapping: reach.AddressPortDependent, Filtering: reach.AddressPortDependent, PortPreserved: reach.No},
		Family{Class: reach.Symmetric, Mapping: reach.AtLeastAddress, PortPreserved: reach.No}},
	{"symmetric, sequential", natModel{mapping: 2, filtering: 2, step: 2},
		Family{Class: reach.Symmetric, Mapping: reach.AddressPortDependent, Filtering: reach.AddressPortDependent, PortPreserved: reach.No},
		Family{Class: reach.Symmetric, Mapping: reach.AddressPortDependent, Filtering: reach.AddressPortDependent, PortPreserved: reach.No},
		Family{Class: reach.Symmetric, Mapping: reach.AtLeastAddress, PortPreserved: reach.No}},
	{"symmetric that lets anyone in", natModel{mapping: 2},
		Family{Class: reach.Symmetric, Mapping: reach.AddressPortDependent, Filtering: reach.EndpointIndependent, PortPreserved: reach.No},
		Family{Class: reach.Symmetric, Mapping: reach.AddressPortDependent, Filtering: reach.AtMostAddress, PortPreserved: reach.No},
		Family{Class: reach.Symmetric, Mapping: reach.AtLeastAddress, PortPreserved: reach.No}},
}

// TestEveryKindAtLoss runs thousands of discoveries in virtual time at 5 % loss
// each way, with packets out of order, and demands that each is right.
func TestEveryKindAtLoss(t *testing.T) {
	trials := 400
	if testing.Short() {
		trials = 40
	}
	for _, k := range simKinds {
		t.Run(k.name, func(t *testing.T) {
			for _, v := range []struct {
				name    string
				server  serverModel
				servers []netip.AddrPort
				want    Family
			}{
				{"two addresses", simServer, []netip.AddrPort{simPrimary}, k.full},
				{"one address", simOne, []netip.AddrPort{simPrimary}, k.one},
				{"two plain servers", simPlain2, []netip.AddrPort{simPrimary, simPlain2.lone[0]}, k.two},
			} {
				longest, packets := time.Duration(0), 0
				for seed := range trials {
					s := &sim{rng: rand.New(rand.NewPCG(uint64(seed), 7)), nat: k.nat, server: v.server, loss: 0.05,
						delay: time.Duration(1+seed%3*49) * time.Millisecond, jitter: 30 * time.Millisecond}
					p, e, took := s.run(v.servers)
					packets += len(p.tries)
					longest = max(longest, took)
					got, doubts := conclude(e)
					if got.Class != v.want.Class || got.Mapping != v.want.Mapping || got.Filtering != v.want.Filtering || got.PortPreserved != v.want.PortPreserved {
						t.Fatalf("%s, seed %d: got %q, %q, %q, preserved %q, %v; want %q, %q, %q, preserved %q\n%+v", v.name, seed,
							got.Class, got.Mapping, got.Filtering, got.PortPreserved, doubts,
							v.want.Class, v.want.Mapping, v.want.Filtering, v.want.PortPreserved, e)
					}
					if want := patternOf(k.nat); got.Allocation.Pattern != want {
						t.Fatalf("%s, seed %d: ports %v are called %q, want %q", v.name, seed, got.Allocation.Ports, got.Allocation.Pattern, want)
					}
				}
				t.Logf("%s: %d discoveries, all right, %d packets each, the longest %v", v.name, trials, packets/trials, longest)
			}
		})
	}
}

func patternOf(n natModel) Pattern {
	switch {
	case n.none, n.preserve:
		return Preserved
	case n.step != 0:
		return Sequential
	}
	return Random
}

// TestChances computes what rounds promises.
func TestChances(t *testing.T) {
	one := 1 - math.Pow(0.95, 2)
	two := 1 - math.Pow(0.95, 4)
	t.Logf("%d rounds: %.1e with one link of 5 %% loss each way, %.1e with two", rounds, math.Pow(one, rounds), math.Pow(two, rounds))
	if math.Pow(one, rounds) >= mistaken || math.Pow(two, rounds) >= mistaken {
		t.Error("loss is mistaken for a filter too often")
	}
	for judged := range 60 {
		for lost := range judged + 1 {
			n := neededRounds(judged, lost)
			if n < rounds || n > maxRounds+1 {
				t.Fatalf("%d of %d lost: %d rounds", lost, judged, n)
			}
			if n <= maxRounds && math.Pow(lossOf(judged, lost), float64(n)) > mistaken*1.0001 {
				t.Errorf("%d of %d lost: %d rounds are too few", lost, judged, n)
			}
		}
	}
}

// At any loss a cone is never called by the name of another one, or symmetric;
// that it is not known is allowed.
func TestHeavyLossIsNeverWrong(t *testing.T) {
	trials, wrong, unknown := 0, 0, 0
	for _, k := range simKinds {
		for _, loss := range []float64{0.1, 0.2, 0.3, 0.4} {
			for seed := range 100 {
				s := &sim{rng: rand.New(rand.NewPCG(uint64(seed), 9)), nat: k.nat, server: simServer, loss: loss, delay: 20 * time.Millisecond, jitter: 20 * time.Millisecond}
				p, e, _ := s.run([]netip.AddrPort{simPrimary})
				if !p.primary.IsValid() {
					continue
				}
				got, _ := conclude(e)
				trials++
				switch got.Class {
				case k.full.Class:
				case reach.UnknownClass:
					unknown++
				default:
					wrong++
					t.Logf("%s at %v %%, seed %d: %q\n%+v", k.name, 100*loss, seed, got.Class, e)
				}
			}
		}
	}
	t.Logf("%d discoveries at 10 to 40 %% loss each way: %d wrong, %d unknown", trials, wrong, unknown)
	if wrong > trials/1000 {
		t.Errorf("%d of %d are wrong", wrong, trials)
	}
}

// A server that answers only so many requests a second is not taken for a filter.
func TestServerThatRunsDry(t *testing.T) {
	for _, k := range simKinds {
		wrong, unknown := 0, 0
		for tokens := range 60 {
			for seed := range 10 {
				server := simServer
				server.tokens, server.refill = float64(tokens), 20
				s := &sim{rng: rand.New(rand.NewPCG(uint64(seed), 11)), nat: k.nat, server: server, loss: 0.05, delay: 20 * time.Millisecond, jitter: 5 * time.Millisecond}
				p, e, _ := s.run([]netip.AddrPort{simPrimary})
				if !p.primary.IsValid() {
					continue
				}
				switch got, _ := conclude(e); got.Class {
				case k.full.Class:
				case reach.UnknownClass:
					unknown++
				default:
					wrong++
					if wrong == 1 {
						t.Logf("%s with %d tokens, seed %d: %q\n%+v", k.name, tokens, seed, got.Class, e)
					}
				}
			}
		}
		t.Logf("%s: of 600, %d wrong, %d unknown", k.name, wrong, unknown)
		if wrong > 0 {
			t.Fail()
		}
	}
}

// Servers that do not do what they should are no filters.
func TestServersThatMisbehave(t *testing.T) {
	with := func(s serverModel, change func(*serverModel)) serverModel { change(&s); return s }
	cone := natModel{preserve: true} // full cone: every silence is the server's
	for _, tt := range []struct {
		why    string
		server serverModel
		want   Family
		doubt  Doubt
	}{
		{"nothing but the address it sees", simPlain, Family{}, Doubt{AboutMapping, PlainServer}},
		{"its other address and port are dead", with(simServer, func(s *serverModel) { s.dead = s.other() }),
			Family{Mapping: reach.EndpointIndependent, Filtering: reach.EndpointIndependent, Class: reach.FullCone}, Doubt{}},
		{"it ignores the request", with(simServer, func(s *serverModel) { s.ignores = true }),
			Family{Mapping: reach.EndpointIndependent}, Doubt{AboutFiltering, ChangeIgnored}},
		{"it refuses the request", with(simServer, func(s *serverModel) { s.refuses = true }),
			Family{Mapping: reach.EndpointIndependent}, Doubt{AboutFiltering, ChangeIgnored}},
		{"two addresses, one port", with(simServer, func(s *serverModel) { s.port[1] = s.port[0] }),
			Family{Mapping: reach.EndpointIndependent, Filtering: reach.EndpointIndependent, Class: reach.FullCone}, Doubt{}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			for seed := range 50 {
				s := &sim{rng: rand.New(rand.NewPCG(uint64(seed), 1)), nat: cone, server: tt.server, loss: 0.05, delay: 10 * time.Millisecond}
				_, e, _ := s.run([]netip.AddrPort{simPrimary})
				got, doubts := conclude(e)
				if got.Class != tt.want.Class || got.Mapping != tt.want.Mapping || got.Filtering != tt.want.Filtering {
					t.Fatalf("seed %d: got %q, %q, %q %v", seed, got.Class, got.Mapping, got.Filtering, doubts)
				}
				if tt.doubt != (Doubt{}) && !slices.Contains(doubts, tt.doubt) {
					t.Fatalf("no doubt %v in %v", tt.doubt, doubts)
				}
			}
		})
	}
	t.Run("its dead other address is no filter", func(t *testing.T) {
		for seed := range 50 {
			dead := with(simServer, func(s *serverModel) { s.dead = s.other() })
			s := &sim{rng: rand.New(rand.NewPCG(uint64(seed), 1)), nat: natModel{preserve: true, filtering: 1}, server: dead, loss: 0.05, delay: 10 * time.Millisecond}
			_, e, _ := s.run([]netip.AddrPort{simPrimary})
			got, doubts := conclude(e)
			if got.Filtering != reach.AtMostAddress || got.Class != reach.UnknownClass || !slices.Contains(doubts, Doubt{AboutFiltering, OtherSilent}) {
				t.Fatalf("seed %d: %q, %q, %v", seed, got.Class, got.Filtering, doubts)
			}
		}
	})
	t.Run("only errors", func(t *testing.T) {
		s := &sim{rng: rand.New(rand.NewPCG(1, 1)), nat: cone, server: with(simServer, func(s *serverModel) { s.errors = true })}
		p, _, took := s.run([]netip.AddrPort{simPrimary})
		if p.primary.IsValid() || !p.heard || took >= silence {
			t.Errorf("primary %v, heard %v, after %v", p.primary, p.heard, took)
		}
	})
}

// A mapping that changes while it is looked at is no symmetric NAT.
func TestRebindingInBetween(t *testing.T) {
	for at := 2; at < 40; at++ {
		for seed := range 100 {
			s := &sim{rng: rand.New(rand.NewPCG(uint64(seed), 3)), nat: natModel{filtering: 2, rebind: at}, server: simServer, loss: float64(seed%2) * 0.2, delay: 20 * time.Millisecond}
			_, e, _ := s.run([]netip.AddrPort{simPrimary})
			got, _ := conclude(e)
			if got.Class != reach.UnknownClass && got.Class != reach.PortRestricted {
				t.Fatalf("rebound after %d packets: %q\n%+v", at, got.Class, e)
			}
		}
	}
}

func TestNothingAnswers(t *testing.T) {
	for _, s := range []*sim{
		{nat: natModel{blocked: true}, server: simServer},
		{server: serverModel{down: true}},
	} {
		s.rng = rand.New(rand.NewPCG(1, 1))
		p, _, took := s.run([]netip.AddrPort{simPrimary})
		if p.primary.IsValid() || p.heard || took < silence || took > 1500*time.Millisecond {
			t.Errorf("primary %v, heard %v, after %v", p.primary, p.heard, took)
		}
		if asked := len(p.tries); asked < 15 {
			t.Errorf("called silent after %d tries", asked)
		}
	}
}

// Of several servers the one that can show most is asked in depth, and a dead one
// is not waited for long.
func TestChoosingAServer(t *testing.T) {
	lone := netip.MustParseAddrPort("27.1.9.1:3478")
	dead := netip.MustParseAddrPort("27.1.9.9:3478")
	for seed := range 100 {
		server := simServer
		server.lone = []netip.AddrPort{lone}
		s := &sim{rng: rand.New(rand.NewPCG(uint64(seed), 5)), nat: natModel{filtering: 2}, server: server, loss: 0.05, delay: 20 * time.Millisecond, jitter: 10 * time.Millisecond}
		p, e, took := s.run([]netip.AddrPort{dead, lone, simPrimary})
		got, _ := conclude(e)
		if p.primary != simPrimary && p.primary != lone {
			t.Fatalf("chose %v", p.primary)
		}
		if p.primary == simPrimary && got.Class != reach.PortRestricted || got.Mapping != reach.EndpointIndependent {
			t.Fatalf("%+v", got)
		}
		if took > 1500*time.Millisecond {
			t.Errorf("took %v", took)
		}
	}
}

// What answers nothing that was asked, or comes from elsewhere, counts for
// nothing; an answer counts once.
func TestStrayAnswers(t *testing.T) {
	var ids []transaction
	p := newProber([]netip.AddrPort{a1p1}, [socketCount]netip.AddrPort{here}, func() transaction {
		ids = append(ids, transaction{byte(len(ids) + 1)})
		return ids[len(ids)-1]
	}, time.Unix(1e9, 0))
	now := p.began
	p.step(now)
	reply := func(id transaction) []byte {
		_, data := simPlain.answer(a1p1, m1, request(id, asIs))
		return data
	}
	for _, stray := range []struct {
		why    string
		socket int
		from   netip.AddrPort
		data   []byte
	}{
		{"from another port of the server", mapper, a1p2, reply(ids[0])},
		{"at another socket", spare1, a1p1, reply(ids[0])},
		{"to another question", mapper, a1p1, reply(transaction{99})},
		{"no answer at all", mapper, a1p1, []byte("hello")},
	} {
		before := p.stray
		if p.receive(now, stray.socket, stray.from, stray.data); p.stray != before+1 || p.heard {
			t.Errorf("%s: %d strays, heard %v", stray.why, p.stray-before, p.heard)
		}
	}
	p.receive(now, mapper, a1p1, reply(ids[0]))
	before := p.stray
	if p.receive(now, mapper, a1p1, reply(ids[0])); !p.heard || p.stray != before+1 {
		t.Error("the answer does not count, or counts twice")
	}
}
