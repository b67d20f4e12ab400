package guess

import (
	"context"
	"errors"
	"math/rand"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"godwit/xep/reach"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestRoleOf(t *testing.T) {
	of := func(c reach.Class) reach.Reach { return reach.Reach{Class: c} }
	for _, test := range []struct {
		ours, theirs reach.Reach
		want         Role
	}{
		{of(reach.Symmetric), of(reach.PortRestricted), Opens},
		{of(reach.PortRestricted), of(reach.Symmetric), Sends},
		{of(reach.Symmetric), of(reach.Symmetric), None},
		{of(reach.Symmetric), of(reach.FullCone), None},
		{of(reach.Symmetric), of(reach.RestrictedCone), None},
		{of(reach.PortRestricted), of(reach.PortRestricted), None},
		{of(reach.Symmetric), of(reach.UnknownClass), None},
		{of(reach.Blocked), of(reach.PortRestricted), None},
		{reach.Reach{Class: reach.Symmetric, Mapped: "pcp"}, of(reach.PortRestricted), None},
		{of(reach.PortRestricted), reach.Reach{Class: reach.Symmetric, Mapped: "upnp"}, None},
	} {
		if got := RoleOf(test.ours, test.theirs); got != test.want {
			t.Errorf("%v and %v: %v", test.ours, test.theirs, got)
		}
	}
}

func TestPortsAreDifferent(t *testing.T) {
	list := ports(MaxProbes)
	slices.Sort(list)
	if len(list) != MaxProbes || len(slices.Compact(list)) != MaxProbes || list[0] < firstPort {
		t.Errorf("%d ports from %d", len(list), list[0])
	}
	if n := len(ports(1 << 20)); n != lastPort-firstPort+1 {
		t.Errorf("%d", n)
	}
}

func TestGate(t *testing.T) {
	var g Gate
	one, two := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	now := time.Now()
	done, ok := g.Begin(one, now)
	if !ok {
		t.Fatal("refused")
	}
	if _, ok := g.Begin(two, now); ok {
		t.Error("two at a time")
	}
	done(false)
	done(true)
	if _, ok := g.Begin(one, now); ok {
		t.Error("again, though it was in vain")
	}
	done, ok = g.Begin(two, now)
	if !ok {
		t.Fatal("another network was refused")
	}
	done(true)
	if done, ok := g.Begin(two, now); !ok {
		t.Error("refused where it worked")
	} else {
		done(true)
	}
	if done, ok := g.Begin(one, now.Add(Remember+time.Second)); !ok {
		t.Error("never again")
	} else {
		done(false)
	}
	g.Forget()
	if done, ok := g.Begin(one, now); !ok {
		t.Error("not forgotten")
	} else {
		done(true)
	}
	for i := range 2 * maxHopeless {
		if done, ok := g.Begin(netip.AddrFrom4([4]byte{1, 2, byte(i >> 8), byte(i)}), now); ok {
			done(false)
		}
	}
	if len(g.hopeless) > maxHopeless {
		t.Errorf("%d remembered", len(g.hopeless))
	}
}

// symmetric is a router that gives each socket a random port, and lets in only
// what was sent to.
type symmetric struct {
	mu      sync.Mutex
	random  *rand.Rand
	open    map[uint16]*insideSocket
	packets []time.Time // that left the inside
}

type insideSocket struct {
	router *symmetric
	in     chan []byte
	closed chan struct{}
	once   sync.Once
}

var peerAt = netip.MustParseAddrPort("198.51.100.7:4000")

func (s *insideSocket) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case p := <-s.in:
		return copy(b, p), net.UDPAddrFromAddrPort(peerAt), nil
	case <-s.closed:
		return 0, nil, net.ErrClosed
	}
}

func (s *insideSocket) WriteTo(b []byte, _ net.Addr) (int, error) {
	s.router.mu.Lock()
	defer s.router.mu.Unlock()
	s.router.packets = append(s.router.packets, time.Now())
	for {
		port := uint16(firstPort + s.router.random.Intn(lastPort-firstPort+1))
		if s.router.open[port] == nil {
			s.router.open[port] = s
			return len(b), nil
		}
	}
}

func (s *insideSocket) Close() error                     { s.once.Do(func() { close(s.closed) }); return nil }
func (s *insideSocket) LocalAddr() net.Addr              { return nil }
func (s *insideSocket) SetDeadline(time.Time) error      { return nil }
func (s *insideSocket) SetReadDeadline(time.Time) error  { return nil }
func (s *insideSocket) SetWriteDeadline(time.Time) error { return nil }

// TestHits simulates tries, in the time they would take: how many succeed, after
// how long, and that none goes beyond the bounds.
func TestHits(t *testing.T) {
	const tries = 200
	hits := 0
	var times []time.Duration
	for try := range tries {
		synctest.Test(t, func(t *testing.T) {
			router := &symmetric{random: rand.New(rand.NewSource(int64(try))), open: make(map[uint16]*insideSocket)}
			ctx, cancel := context.WithCancel(t.Context())
			var sockets []*insideSocket
			begun := time.Now()
			var sent []time.Time
			var side sync.WaitGroup
			side.Go(func() {
				Send(ctx, netip.MustParseAddr("203.0.113.9"), func(to netip.AddrPort) {
					sent = append(sent, time.Now())
					router.mu.Lock()
					defer router.mu.Unlock()
					if s := router.open[to.Port()]; s != nil {
						select {
						case s.in <- []byte("check"):
						default:
						}
					}
				})
			})
			hit := Open(ctx, Opening{
				Target: peerAt,
				Socket: func() (net.PacketConn, error) {
					s := &insideSocket{router: router, in: make(chan []byte, 4), closed: make(chan struct{})}
					sockets = append(sockets, s)
					return s, nil
				},
				Check: func() []byte { return []byte("check") },
				Ours:  func(p []byte, from netip.AddrPort) bool { return string(p) == "check" && from == peerAt },
			})
			took := time.Since(begun)
			cancel()
			side.Wait()
			open := 0
			for _, s := range sockets {
				select {
				case <-s.closed:
				default:
					open++
				}
			}
			if hit != nil {
				hits++
				times = append(times, took)
				_ = hit.Close()
			}
			if (hit != nil) != (open == 1) {
				t.Errorf("%d sockets are left open", open)
			}
			for _, packets := range [][]time.Time{sent, router.packets} {
				if len(packets) > MaxProbes {
					t.Errorf("%d packets", len(packets))
				}
				for i := Rate + 2; i < len(packets); i++ {
					if packets[i].Sub(packets[i-Rate-2]) < time.Second {
						t.Fatalf("more than %d packets in a second", Rate)
					}
				}
			}
			if took > Patience {
				t.Errorf("took %v", took)
			}
		})
	}
	slices.Sort(times)
	t.Logf("%d of %d tries hit; half of them within %v, the slowest after %v", hits, tries, times[len(times)/2], times[len(times)-1])
	if hits < tries*92/100 { // theory says 98 of 100; the rest is chance
		t.Errorf("%d of %d tries hit", hits, tries)
	}
}

func TestOpenWithoutSockets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if Open(t.Context(), Opening{Socket: func() (net.PacketConn, error) { return nil, errors.New("no more") }}) != nil {
			t.Error("something was hit")
		}
	})
}
