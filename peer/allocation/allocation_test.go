package allocation

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v4"
	"github.com/pion/turn/v5"
)

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func acquire(t *testing.T, p *Pool) (*Relay, func()) {
	t.Helper()
	r, release, err := p.Acquire(within(t))
	if err != nil {
		t.Fatal(err)
	}
	return r, release
}

// closing waits for the end of an allocation.
func closing(t *testing.T, r *Relay) {
	t.Helper()
	select {
	case <-r.Done():
	case <-within(t).Done():
		t.Fatal("the allocation does not end")
	}
}

// TestRelayCarriesDatagrams sends through a relay and back, by every protocol,
// checks first and then data, which gets a channel.
func TestRelayCarriesDatagrams(t *testing.T) {
	server := newTURNServer(t, "127.0.0.1")
	for _, protocol := range []Protocol{UDP, TCP, TLS} {
		t.Run(string(protocol), func(t *testing.T) {
			begun := time.Now()
			p := newPool(t, Config{TLS: &tls.Config{RootCAs: server.roots}}, server.way(protocol))
			r, release := acquire(t, p)
			defer release()
			t.Logf("an allocation after %v", time.Since(begun))
			if r.Protocol() != protocol || r.Server().Port() != server.way(protocol).Port || r.Mux().LocalAddr() != r.Address() {
				t.Errorf("%v at %v, relayed %v", r.Protocol(), r.Server(), r.Address())
			}
			peer := peerSocket(t)
			c := conn{r.client}
			if _, err := c.WriteTo([]byte{0, 1, 'c', 'h', 'e', 'c', 'k'}, peer.LocalAddr()); err != nil {
				t.Fatal(err)
			}
			read(t, peer, []byte{0, 1, 'c', 'h', 'e', 'c', 'k'}, r.Address())
			before := server.channels.Load()
			data := bytes.Repeat([]byte{0x41}, 1281) // an odd length, to be padded on a stream
			for server.channels.Load() == before || !ready(r, addr(peer.LocalAddr())) {
				if _, err := c.WriteTo(data, peer.LocalAddr()); err != nil {
					t.Fatal(err)
				}
				read(t, peer, data, r.Address())
			}
			if _, err := c.WriteTo(data[:7], peer.LocalAddr()); err != nil {
				t.Fatal(err)
			}
			read(t, peer, data[:7], r.Address())
			// What arrives goes to the owner of its kind; nobody waits for this one.
			if _, err := peer.WriteToUDPAddrPort([]byte{200, 1}, r.Address()); err != nil {
				t.Fatal(err)
			}
			for until := time.Now().Add(10 * time.Second); r.Mux().Stats().Refused == 0; {
				if time.Now().After(until) {
					t.Fatal("nothing came back")
				}
				time.Sleep(time.Millisecond) // a counter has no channel
			}
		})
	}
}

func ready(r *Relay, peer netip.AddrPort) bool {
	r.client.mu.Lock()
	defer r.client.mu.Unlock()
	ch := r.client.peers.channels[peer]
	return ch != nil && ch.ready
}

func TestOneAllocationIsShared(t *testing.T) {
	server := newTURNServer(t)
	p := newPool(t, Config{Idle: 50 * time.Millisecond}, server.way(UDP))
	first, releaseFirst := acquire(t, p)
	second, releaseSecond := acquire(t, p)
	if first != second || server.allocations.Load() != 1 {
		t.Errorf("%d allocations", server.allocations.Load())
	}
	releaseFirst()
	releaseFirst()
	select {
	case <-first.Done():
		t.Fatal("ended while it is used")
	case <-time.After(100 * time.Millisecond):
	}
	releaseSecond()
	closing(t, first)
	select {
	case <-server.ended:
	case <-within(t).Done():
		t.Fatal("not given back")
	}
	third, release := acquire(t, p)
	defer release()
	if third == first {
		t.Error("the ended one was handed out")
	}
}

func TestForbiddenPeers(t *testing.T) {
	server := newTURNServer(t)
	ip := net.IPv4(127, 0, 0, 1)
	server.forbidden.Store(&ip)
	p := newPool(t, Config{}, server.way(UDP))
	r, release := acquire(t, p)
	defer release()
	peer := peerSocket(t)
	r.Permit(addr(peer.LocalAddr()).Addr())
	for until := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		err := r.client.sendTo([]byte{0}, addr(peer.LocalAddr()))
		if errors.Is(err, ErrForbidden) {
			break
		}
		if err != nil || time.Now().After(until) {
			t.Fatalf("not refused: %v", err)
		}
	}
	if !r.alive() {
		t.Error("one refusal cost the allocation")
	}
}

// TestLostAllocationsAreReplaced: the server forgets everything.
func TestLostAllocationsAreReplaced(t *testing.T) {
	server := newTURNServer(t)
	p := newPool(t, Config{}, server.way(UDP))
	r, release := acquire(t, p)
	defer release()
	at := server.udp
	_ = server.Close()
	p.NetworkChanged()
	closing(t, r)
	if err := r.client.err(); !errors.Is(err, ErrLost) {
		t.Errorf("%v", err)
	}
	// Another one at the same address answers 437 to what it does not know.
	packets, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := turn.NewServer(turn.ServerConfig{
		Realm: testRealm,
		AuthHandler: func(a *turn.RequestAttributes) (string, []byte, bool) {
			return a.Username, turn.GenerateAuthKey(testUser, testRealm, testPassword), true
		},
		PacketConnConfigs: []turn.PacketConnConfig{{PacketConn: packets, RelayAddressGenerator: &turn.RelayAddressGeneratorStatic{
			RelayAddress: net.IPv4(127, 0, 0, 1), Address: "127.0.0.1"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Close()
	again, releaseAgain := acquire(t, p)
	defer releaseAgain()
	if again == r {
		t.Error("the lost one was handed out")
	}
	select {
	case <-again.Done():
		t.Error("the new one is gone")
	default:
	}
}

func TestWrongCredentials(t *testing.T) {
	server := newTURNServer(t)
	way := server.way(UDP)
	way.Password = "guess"
	p := newPool(t, Config{}, way)
	_, _, err := p.Acquire(within(t))
	if err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%v", err)
	}
	if _, _, again := p.Acquire(within(t)); again == nil || again.Error() != err.Error() {
		t.Errorf("asked again at once: %v", again)
	}
	p.SetServers([]Server{server.way(UDP)})
	_, release := acquire(t, p)
	release()
	expired := server.way(UDP)
	expired.Expires = time.Now().Add(-time.Second)
	q := newPool(t, Config{}, expired)
	if _, _, err := q.Acquire(within(t)); !errors.Is(err, ErrNoServer) || q.Usable() {
		t.Errorf("%v", err)
	}
}

// TestLadder: UDP does not answer, TCP does.
func TestLadder(t *testing.T) {
	server := newTURNServer(t, "127.0.0.1")
	hole := peerSocket(t)
	silent := server.way(UDP)
	silent.Port = addr(hole.LocalAddr()).Port()
	for _, blocked := range []bool{false, true} {
		p := newPool(t, Config{TLS: &tls.Config{RootCAs: server.roots}}, silent, server.way(TLS), server.way(TCP))
		p.SetBlocked(blocked)
		begun := time.Now()
		r, release := acquire(t, p)
		t.Logf("UDP known to be blocked %v: %v after %v", blocked, r.Protocol(), time.Since(begun))
		if r.Protocol() != TCP {
			t.Errorf("%v", r.Protocol())
		}
		release()
	}
	// Failures do not make the next wait.
	refused := server.way(TCP)
	refused.Port = 1
	p := newPool(t, Config{TLS: &tls.Config{RootCAs: server.roots}}, refused, server.way(TLS))
	r, release := acquire(t, p)
	defer release()
	if r.Protocol() != TLS {
		t.Errorf("%v", r.Protocol())
	}
}

func TestTrust(t *testing.T) {
	server := newTURNServer(t, "example.org")
	stranger := newTURNServer(t, "evil.example")
	for _, test := range []struct {
		why    string
		config *tls.Config
		server *turnServer
		works  bool
	}{
		{"the account's domain", &tls.Config{RootCAs: server.roots, ServerName: "example.org"}, server, true},
		{"neither the address nor the domain", &tls.Config{RootCAs: stranger.roots, ServerName: "example.org"}, stranger, false},
		{"no domain known", &tls.Config{RootCAs: server.roots}, server, false},
		{"another authority", &tls.Config{RootCAs: stranger.roots, ServerName: "example.org"}, server, false},
		{"the user wants no checks", &tls.Config{InsecureSkipVerify: true}, stranger, true},
	} {
		p := newPool(t, Config{TLS: test.config}, test.server.way(TLS))
		_, release, err := p.Acquire(within(t))
		if (err == nil) != test.works {
			t.Errorf("%s: %v", test.why, err)
		}
		if err == nil {
			release()
		}
	}
}

func TestPlan(t *testing.T) {
	udp, tcp, secure := Server{Protocol: UDP}, Server{Protocol: TCP}, Server{Protocol: TLS}
	for _, test := range []struct {
		servers []Server
		blocked bool
		want    []Protocol
		after   []time.Duration
	}{
		{nil, false, nil, nil},
		{[]Server{secure, tcp, udp}, false, []Protocol{UDP, TCP, TLS}, []time.Duration{0, tcpAfter, tlsAfter}},
		{[]Server{secure, tcp, udp}, true, []Protocol{TCP, TLS, UDP}, []time.Duration{0, tlsAfter - tcpAfter, blockedUDPAfter}},
		{[]Server{secure}, false, []Protocol{TLS}, []time.Duration{tlsAfter - tcpAfter}},
		{[]Server{udp, udp}, false, []Protocol{UDP, UDP}, []time.Duration{0, stepUDP}},
		{[]Server{{Protocol: "dtls"}, udp}, false, []Protocol{UDP}, []time.Duration{0}},
	} {
		steps := plan(test.servers, test.blocked)
		if len(steps) != len(test.want) {
			t.Errorf("%v: %v", test.servers, steps)
			continue
		}
		for i, s := range steps {
			if s.Protocol != test.want[i] || s.after != test.after[i] {
				t.Errorf("%v blocked %v: %v after %v", test.servers, test.blocked, s.Protocol, s.after)
			}
		}
	}
}

func TestBounds(t *testing.T) {
	server := newTURNServer(t)
	p := newPool(t, Config{}, server.way(UDP))
	r, release := acquire(t, p)
	defer release()
	for i := range 2 * maxPermissions {
		_ = r.client.sendTo([]byte{200}, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, byte(1 + i>>8), byte(i)}), 9))
	}
	r.client.mu.Lock()
	permissions, channels, transactions := len(r.client.peers.permissions), len(r.client.peers.channels), len(r.client.transactions)
	r.client.mu.Unlock()
	if permissions > maxPermissions || channels > maxChannels || transactions > maxTransactions {
		t.Errorf("%d permissions, %d channels, %d transactions", permissions, channels, transactions)
	}
	if err := r.client.sendTo(make([]byte, 9000), netip.MustParseAddrPort("127.0.0.1:9")); err == nil {
		t.Error("a datagram that does not fit was taken")
	}
}

// quietWire is a server that never answers.
type quietWire struct{}

func (quietWire) send([]byte) error { return nil }
func (quietWire) stream() bool      { return false }
func (quietWire) close()            {}

func FuzzReceive(f *testing.F) {
	m, _ := stun.Build(stun.TransactionID, stun.NewType(stun.MethodData, stun.ClassIndication),
		peerAddress(netip.MustParseAddrPort("192.0.2.1:1")), attribute{stun.AttrData, []byte("x")})
	f.Add(m.Raw)
	f.Add([]byte{0x40, 0, 0, 1, 'x'})
	f.Add([]byte{0x40, 0, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, packet []byte) {
		c := newClient(quietWire{}, Server{}, netip.AddrPort{}, discard)
		c.receive(packet)
		c.end(net.ErrClosed)
		c.wait()
	})
}

func FuzzFrame(f *testing.F) {
	f.Add([]byte{0, 1, 0, 0})
	f.Add([]byte{0x40, 0, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= channelHeader {
			if n, err := frameLength(b); err == nil && (n < channelHeader || n%4 != 0) {
				t.Fatalf("%d", n)
			}
		}
		if number, data, ok := parseChannelData(b); ok && !bytes.HasPrefix(channelData(number, data, true), channelData(number, data, false)) {
			t.Fatal("not the same again")
		}
	})
}
