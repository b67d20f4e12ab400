package quic

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"godwit/jid"
	"godwit/peer"
	"godwit/relay"
	"godwit/stanza"
	"godwit/xep/reach"

	"github.com/pion/logging"
	"github.com/pion/transport/v5/vnet"
)

// A NAT of the simulated network, and what theory says of a pair of them.
type nat struct {
	name    string
	mapping vnet.EndpointDependencyType
	filter  vnet.EndpointDependencyType
}

var nats = []nat{
	{"full cone", vnet.EndpointIndependent, vnet.EndpointIndependent},
	{"restricted", vnet.EndpointIndependent, vnet.EndpointAddrDependent},
	{"port-restricted", vnet.EndpointIndependent, vnet.EndpointAddrPortDependent},
	{"symmetric", vnet.EndpointAddrPortDependent, vnet.EndpointAddrPortDependent},
}

// direct is theory: a symmetric NAT shows each peer another port, which only one
// who does not filter by port can be reached from.
func direct(one, two nat) bool {
	hard := func(n nat) bool { return n.mapping == vnet.EndpointAddrPortDependent }
	byPort := func(n nat) bool { return n.filter == vnet.EndpointAddrPortDependent }
	return !(hard(one) && byPort(two)) && !(hard(two) && byPort(one))
}

const (
	simulatedServer = "27.1.1.1"
	// Three routers are between two clients, two between a client and the server.
	simulatedHop = 13 * time.Millisecond
	// What the introduction's stanzas take, from client to client.
	simulatedSignal = 45 * time.Millisecond
)

var making sync.Mutex

// simulation is a network with a server and two clients behind NATs.
type simulation struct {
	a, b *client
	// between counts the packets that go from one router to the other without the
	// server; they are dropped while shut is true.
	between atomic.Int64
	shut    atomic.Bool
}

// The public addresses of the two clients' routers.
const homeAddress, officeAddress = "28.1.1.1", "29.1.1.1"

func simulate(t *testing.T, one, two nat, decide func(who jid.JID) peer.Addresses) *simulation {
	t.Helper()
	logs := logging.NewDefaultLoggerFactory()
	logs.DefaultLogLevel = logging.LogLevelDisabled
	making.Lock() // the library counts what it makes, without a lock of its own
	unlock := sync.OnceFunc(making.Unlock)
	defer unlock()
	wan, err := vnet.NewRouter(&vnet.RouterConfig{Name: "wan", CIDR: "0.0.0.0/0", LoggerFactory: logs, MinDelay: simulatedHop, QueueSize: 10000})
	must(t, err)
	place := func(r *vnet.Router, address string) *vnet.Net {
		n, err := vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{address}})
		must(t, err)
		must(t, r.AddNet(n))
		return n
	}
	server := place(wan, simulatedServer)
	lan := func(public, inside string, n nat) *vnet.Net {
		r, err := vnet.NewRouter(&vnet.RouterConfig{
			Name: public, CIDR: strings.TrimSuffix(inside, ".2") + ".0/24", StaticIPs: []string{public}, LoggerFactory: logs, MinDelay: simulatedHop, QueueSize: 10000,
			NATType: &vnet.NATType{Mode: vnet.NATModeNormal, MappingBehavior: n.mapping, FilteringBehavior: n.filter, MappingLifeTime: 30 * time.Second},
		})
		must(t, err)
		must(t, wan.AddRouter(r))
		return place(r, inside)
	}
	home, office := lan(homeAddress, "192.168.1.2", one), lan(officeAddress, "10.2.2.2", two)
	unlock()
	s := &simulation{}
	wan.AddChunkFilter(func(c vnet.Chunk) bool {
		from, _, _ := net.SplitHostPort(c.SourceAddr().String())
		to, _, _ := net.SplitHostPort(c.DestinationAddr().String())
		if from == simulatedServer || to == simulatedServer {
			return true
		}
		s.between.Add(1)
		return !s.shut.Load()
	})
	must(t, wan.Start())
	t.Cleanup(func() { _ = wan.Stop() })

	socket, err := server.ListenPacket("udp4", simulatedServer+":3478")
	must(t, err)
	turnd := relay.New(relay.Config{
		Secret: bytes.Repeat([]byte{7}, relay.MinSecret), ListenPacket: func(network, address string) (net.PacketConn, error) {
			_, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			return server.ListenPacket(network, net.JoinHostPort(simulatedServer, port))
		},
		OwnAddresses:     func() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(simulatedServer + "/32")} },
		PacketsPerSecond: 1000, PacketBurst: 1000,
	})
	served := make(chan struct{})
	go func() { defer close(served); _ = turnd.ServeUDP(socket) }()
	t.Cleanup(func() { _ = turnd.Close(); <-served })

	start := func(who jid.JID, n *vnet.Net, address string) *client {
		socket, err := n.ListenPacket("udp4", address+":5000")
		must(t, err)
		c := newClient(t, who, Config{Socket: socket})
		c.policy = func() peer.Decision { return peer.Decision{Talk: true, Addresses: decide(who)} }
		services := servicesAt(simulatedServer + ":3478")[:2]
		services[1].Username, services[1].Password, services[1].Expires = turnd.Credentials(who.Local(), time.Now())
		c.transport.SetServices(services)
		return c
	}
	classes := map[string]reach.Class{nats[2].name: reach.PortRestricted, nats[3].name: reach.Symmetric}
	s.a, s.b = join(start(alice, home, "192.168.1.2"), start(bob, office, "10.2.2.2"))
	s.a.transport.SetReach(reach.Reach{Class: classes[one.name]})
	s.b.transport.SetReach(reach.Reach{Class: classes[two.name]})
	for _, c := range []*client{s.a, s.b} {
		c.wire.change = slowly(t, c.wire)
	}
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// slowly delivers the stanzas of a wire in their order, after the time they need.
func slowly(t *testing.T, w *wire) func(*stanza.Stanza) []*stanza.Stanza {
	type late struct {
		at time.Time
		s  *stanza.Stanza
	}
	queue := make(chan late, 1000)
	stop := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for {
			select {
			case l := <-queue:
				time.Sleep(time.Until(l.at)) // the way of the stanza
				w.to.introducer.HandleIQ(l.s)
			case <-stop:
				return
			}
		}
	})
	t.Cleanup(func() { close(stop); running.Wait() })
	return func(s *stanza.Stanza) []*stanza.Stanza {
		select {
		case queue <- late{time.Now().Add(simulatedSignal), s}:
		default:
		}
		return nil
	}
}

func everything(jid.JID) peer.Addresses { return peer.AllAddresses }

// outcome is what a pair of NATs came to.
type outcome struct {
	first, last         peer.Path
	firstAfter, upAfter time.Duration
	links               []peer.Report
}

// reach connects a with b, and waits for a direct path if there is one in theory.
func (s *simulation) reach(t *testing.T, wantDirect bool) outcome {
	t.Helper()
	begun := time.Now()
	s.a.connect(s.b)
	r := s.a.wait(peer.Up)
	o := outcome{first: r.Path, last: r.Path, firstAfter: time.Since(begun), upAfter: time.Since(begun), links: []peer.Report{r}}
	other := s.b.wait(peer.Up)
	talk(t, r.Link, other.Link)
	if r.Path.Relayed && wantDirect {
		r = s.a.wait(peer.Up)
		o.last, o.upAfter = r.Path, time.Since(begun)
		o.links = append(o.links, r)
		for other.Path.Relayed {
			other = s.b.wait(peer.Up)
		}
		talk(t, r.Link, other.Link)
	}
	for _, l := range o.links {
		l.Link.Abort()
	}
	return o
}

// TestMatrix connects clients behind every pair of NATs in a simulated network,
// with 80 ms of round trip, and holds the outcome against theory.
func TestMatrix(t *testing.T) {
	var table bytes.Buffer
	var mu sync.Mutex
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "initiator\tresponder\tfirst path\tafter\tlast path\tafter")
	t.Run("pairs", func(t *testing.T) {
		for _, one := range nats {
			for _, two := range nats {
				t.Run(one.name+" "+two.name, func(t *testing.T) {
					t.Parallel()
					want := direct(one, two)
					o := simulate(t, one, two, everything).reach(t, want)
					if o.last.Relayed == want {
						t.Errorf("theory says direct: %v; got %s-%s", want, o.last.LocalKind, o.last.RemoteKind)
					}
					mu.Lock()
					defer mu.Unlock()
					fmt.Fprintf(w, "%s\t%s\t%s-%s\t%d ms\t%s-%s\t%d ms\n", one.name, two.name, o.first.LocalKind, o.first.RemoteKind, o.firstAfter.Milliseconds(),
						o.last.LocalKind, o.last.RemoteKind, o.upAfter.Milliseconds())
				})
			}
		}
	})
	w.Flush()
	t.Logf("\n%s", table.String())
}

// TestUpgrade opens the direct path some time after a relay has begun to carry,
// and once more after the checks have become slow.
func TestUpgrade(t *testing.T) {
	for _, after := range []time.Duration{0, 4 * time.Second} {
		t.Run(after.String(), func(t *testing.T) {
			t.Parallel()
			if after > 0 && testing.Short() {
				t.Skip("takes seconds")
			}
			s := simulate(t, nats[2], nats[2], everything)
			s.shut.Store(true)
			s.a.connect(s.b)
			ra, rb := s.a.wait(peer.Up), s.b.wait(peer.Up)
			if !ra.Path.Relayed || !rb.Path.Relayed {
				t.Fatalf("%+v %+v", ra.Path, rb.Path)
			}
			talk(t, ra.Link, rb.Link)
			time.Sleep(after) // the time that makes checks rare
			begun := time.Now()
			s.shut.Store(false)
			ra2, rb2 := s.a.wait(peer.Up), s.b.wait(peer.Up)
			t.Logf("direct %v after it became possible", time.Since(begun))
			if ra2.Path.Relayed || rb2.Path.Relayed || ra2.Key != ra.Key {
				t.Fatalf("%+v %+v", ra2.Path, rb2.Path)
			}
			talk(t, ra2.Link, rb2.Link)
			say(t, ra.Link, rb.Link, "the relayed one still works")
			ra.Link.Abort()
			rb.Link.Abort()
			say(t, ra2.Link, rb2.Link, "and is not needed")
			ra2.Link.Abort()
			rb2.Link.Abort()
			for _, c := range []*client{s.a, s.b} {
				if r := c.wait(peer.Down); r.Key.SID != ra.Key.SID {
					t.Errorf("%+v", r)
				}
			}
		})
	}
}

// TestNeverSendsNothing: with addresses hidden, not one packet goes from the own
// socket to the peer, whatever the peer sends there.
func TestNeverSendsNothing(t *testing.T) {
	s := simulate(t, nats[0], nats[0], func(who jid.JID) peer.Addresses {
		if who == alice {
			return peer.RelayOnly
		}
		return peer.AllAddresses
	})
	s.a.connect(s.b)
	ra, rb := s.a.wait(peer.Up), s.b.wait(peer.Up)
	if ra.Path.LocalKind != "relay" || rb.Path.RemoteKind != "relay" {
		t.Errorf("%+v %+v", ra.Path, rb.Path)
	}
	talk(t, ra.Link, rb.Link)
	s.b.transport.NetworkChanged()
	s.a.transport.NetworkChanged()
	say(t, ra.Link, rb.Link, "still here")
	if n := s.between.Load(); n != 0 {
		t.Errorf("%d packets went between the two", n)
	}
	for _, stanza := range s.a.wire.seen {
		if text := stanza.String(); strings.Contains(text, homeAddress) || strings.Contains(text, "192.168.1.2") || strings.Contains(text, "type='host'") {
			t.Errorf("an address went out: %s", text)
		}
	}
	ra.Link.Abort()
	rb.Link.Abort()
}
