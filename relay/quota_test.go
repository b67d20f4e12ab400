package relay

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

func TestOneUserOfManyAllocations(t *testing.T) {
	var mu sync.Mutex
	var events []Event
	config := turnConfig()
	config.Trace = func(e Event) { mu.Lock(); defer mu.Unlock(); events = append(events, e) }
	server, udp, _ := serve(t, config, "127.0.0.1")
	got := map[int]int{}
	var first *raw
	for i := range 100 {
		r := server.testRaw(t, "udp", udp.String(), "mallory").greet()
		// Credentials made at other times are other names of the same user.
		r.username, r.password, _ = server.Credentials("mallory", time.Now().Add(time.Duration(-i)*time.Minute))
		code, _ := r.request(stun.MethodAllocate, udpTransport)
		got[code]++
		if first == nil {
			first = r
		}
	}
	if got[0] != 10 || got[486] != 90 {
		t.Errorf("answers %v, want 10 of 0 and 90 of 486", got)
	}
	other := server.testRaw(t, "udp", udp.String(), "alice").greet()
	other.allocate() // others do not suffer
	if code, _ := first.request(stun.MethodRefresh, lifetime(0)); code != 0 {
		t.Fatal(code)
	}
	server.testRaw(t, "udp", udp.String(), "mallory").greet().allocate() // what was given back is there again
	stats := server.Stats()
	if stats.Live != 11 || stats.Users != 2 || stats.Allocations != 12 || stats.Refusals[ReasonQuota] != 90 {
		t.Errorf("%+v", stats)
	}
	mu.Lock()
	defer mu.Unlock()
	kinds := map[EventKind]int{}
	for _, e := range events {
		kinds[e.Kind]++
		if e.Account != "mallory" && e.Account != "alice" || !e.Client.IsValid() || e.Transport != "udp" {
			t.Errorf("%+v", e)
		}
	}
	if kinds[Allocated] != 12 || kinds[Deallocated] != 1 || kinds[Refused] != 90 {
		t.Errorf("events %v", kinds)
	}
}

func TestAllAllocationsAreBounded(t *testing.T) {
	config := turnConfig()
	config.MaxAllocations = 3
	server, udp, _ := serve(t, config, "127.0.0.1")
	got := map[int]int{}
	for i := range 5 {
		code, _ := server.testRaw(t, "udp", udp.String(), fmt.Sprint(i)).greet().request(stun.MethodAllocate, udpTransport)
		got[code]++
	}
	if got[0] != 3 || got[508] != 2 {
		t.Errorf("answers %v", got)
	}
}

func TestPortsComeFromTheRange(t *testing.T) {
	config := turnConfig()
	config.MinPort, config.MaxPort = 20100, 20103
	server, udp, _ := serve(t, config, "127.0.0.1")
	busy := packetConn(t, "udp4", "127.0.0.1:20102") // somebody else has one of them
	seen := map[uint16]bool{}
	codes := map[int]int{}
	for i := range 6 {
		r := server.testRaw(t, "udp", udp.String(), fmt.Sprint(i)).greet()
		code, m := r.request(stun.MethodAllocate, udpTransport)
		codes[code]++
		if code == 0 {
			var relayed stun.XORMappedAddress
			_ = relayed.GetFromAs(m, stun.AttrXORRelayedAddress)
			seen[uint16(relayed.Port)] = true
		}
	}
	if codes[0] != 3 || codes[508] != 3 || !seen[20100] || !seen[20101] || !seen[20103] {
		t.Errorf("answers %v, ports %v, with %v taken", codes, seen, busy.LocalAddr())
	}
	if got := server.Stats(); got.Live != 3 {
		t.Errorf("%d live: a quota was not given back", got.Live)
	}
}

func TestBandwidthIsBounded(t *testing.T) {
	config := turnConfig()
	config.Bandwidth = 1000 // so 2000 bytes at once
	server, udp, _ := serve(t, config, "127.0.0.1")
	r := server.testRaw(t, "udp", udp.String(), "mallory").greet()
	relayed := r.allocate()
	peer := packetConn(t, "udp4", "127.0.0.1:0")
	at := addrPortOf(peer.LocalAddr())
	if code, _ := r.request(stun.MethodChannelBind, channelNumber(0x4000), peerAddress(at)); code != 0 {
		t.Fatal(code)
	}
	payload := string(make([]byte, 500))
	for range 20 {
		r.send(channelData(0x4000, payload))
		if _, err := peer.WriteTo([]byte(payload), net.UDPAddrFromAddrPort(relayed)); err != nil {
			t.Fatal(err)
		}
	}
	r.request(stun.MethodRefresh) // what was sent before was dealt with
	sent := server.Stats()
	if sent.PacketsOut < 4 || sent.PacketsOut > 6 {
		t.Errorf("%d of 20 datagrams to the peer", sent.PacketsOut)
	}
	// Another user is not affected.
	o := server.testRaw(t, "udp", udp.String(), "alice").greet()
	o.allocate()
	if code, _ := o.request(stun.MethodCreatePermission, peerAddress(at)); code != 0 {
		t.Fatal(code)
	}
	o.sendTo(at, payload)
	o.request(stun.MethodRefresh)
	if got := server.Stats(); got.PacketsOut != sent.PacketsOut+1 || got.Refusals[ReasonBandwidth] < 14 {
		t.Errorf("%+v", got)
	}
}

func TestByteBucket(t *testing.T) {
	start := time.Unix(1000, 0)
	var b byteBucket
	b.fill(100, start)
	steps := []struct {
		why   string
		after time.Duration
		n     int
		want  bool
	}{
		{"two seconds' worth at once", 0, 200, true},
		{"then nothing", 0, 1, false},
		{"refilled by the rate", time.Second, 100, true},
		{"and no further", time.Second, 1, false},
		{"never more than two seconds' worth", time.Hour, 201, false},
		{"which it then has", time.Hour, 200, true},
		{"a clock that steps back gives nothing", 0, 1, false},
	}
	for _, step := range steps {
		if got := b.take(step.n, start.Add(step.after)); got != step.want {
			t.Errorf("%s: %v", step.why, got)
		}
	}
	var unlimited byteBucket
	unlimited.fill(0, start)
	if !unlimited.take(1<<30, start) {
		t.Error("0 is a limit")
	}
}

func TestLedgerForgetsUsers(t *testing.T) {
	l := newLedger(1, 1000, 10)
	now := time.Unix(1000, 0)
	for i := range 10000 {
		u, reason := l.acquire(fmt.Sprint(i), now)
		if reason != reasonNone {
			t.Fatal(reason)
		}
		if !u.out.take(15, now) {
			t.Fatal("an empty bucket")
		}
		l.release(u)
		now = now.Add(time.Second)
		if len(l.users) > 80 {
			t.Fatalf("%d users remembered", len(l.users))
		}
	}
	// Who leaves and comes back finds the bucket as it was.
	u, _ := l.acquire("heavy", now)
	u.out.take(20, now)
	l.release(u)
	if u, _ = l.acquire("heavy", now); u.out.take(1, now) {
		t.Error("a new allocation brought a fresh bucket")
	}
}

// TestAStalledClientStallsNobody: one client over TCP takes nothing of what its
// peer sends, while others go on.
func TestAStalledClientStallsNobody(t *testing.T) {
	server, udp, tcp := serve(t, turnConfig(), "127.0.0.1")
	peer := packetConn(t, "udp4", "127.0.0.1:0")
	at := addrPortOf(peer.LocalAddr())
	stalled := server.testRaw(t, "tcp", tcp.String(), "mallory").greet()
	relayed := stalled.allocate()
	if code, _ := stalled.request(stun.MethodChannelBind, channelNumber(0x4000), peerAddress(at)); code != 0 {
		t.Fatal(code)
	}
	_ = stalled.conn.(*net.TCPConn).SetReadBuffer(4096)
	payload := make([]byte, 1400)
	blocked := func() uint64 { return server.Stats().PacketsIn }
	for last, same := uint64(0), 0; same < 50; { // until its buffers are full and nothing moves
		for range 20 {
			if _, err := peer.WriteTo(payload, net.UDPAddrFromAddrPort(relayed)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Millisecond)
		if now := blocked(); now == last {
			same++
		} else {
			last, same = now, 0
		}
	}
	for _, network := range []string{"udp", "tcp"} {
		address := udp.String()
		if network == "tcp" {
			address = tcp.String()
		}
		r := server.testRaw(t, network, address, "alice-"+network).greet()
		r.allocate()
		if code, _ := r.request(stun.MethodCreatePermission, peerAddress(at)); code != 0 {
			t.Fatal(code)
		}
		r.sendTo(at, "goes on")
	}
	stop := time.Now().Add(10 * time.Second)
	b := make([]byte, 2000)
	for got := 0; got < 2; {
		_ = peer.SetReadDeadline(stop)
		n, _, err := peer.ReadFrom(b)
		if err != nil {
			t.Fatal(err)
		}
		if string(b[:n]) == "goes on" {
			got++
		}
	}
}

func TestOversizedDataIsDroppedNotCut(t *testing.T) {
	server, udp, tcp := serve(t, turnConfig(), "127.0.0.1")
	peer := packetConn(t, "udp4", "127.0.0.1:0")
	at := addrPortOf(peer.LocalAddr())
	for _, network := range []string{"udp", "tcp"} {
		address := udp.String()
		if network == "tcp" {
			address = tcp.String()
		}
		r := server.testRaw(t, network, address, "alice").greet()
		relayed := r.allocate()
		if code, _ := r.request(stun.MethodChannelBind, channelNumber(0x4000), peerAddress(at)); code != 0 {
			t.Fatal(code)
		}
		for _, n := range []int{maxDatagram, maxDatagram + 1, 1596, 1597, 3000, 60000} {
			r.send(channelData(0x4000, string(make([]byte, n))))
			if _, err := peer.WriteTo(make([]byte, n), net.UDPAddrFromAddrPort(relayed)); err != nil {
				t.Fatal(err)
			}
		}
		r.send(channelData(0x4000, "end"))
		b := make([]byte, 65536)
		var sizes []int
		for {
			_ = peer.SetReadDeadline(time.Now().Add(10 * time.Second))
			n, _, err := peer.ReadFrom(b)
			if err != nil {
				t.Fatal(err)
			}
			if sizes = append(sizes, n); n == 3 {
				break
			}
		}
		if len(sizes) != 2 || sizes[0] != maxDatagram {
			t.Errorf("%s: datagrams of %v", network, sizes)
		}
		if got := r.receive(10 * time.Second); len(got) != 4+maxDatagram {
			t.Errorf("%s: %d bytes came back", network, len(got))
		}
	}
	if got := server.Stats().Refusals[ReasonOversize]; got != 20 {
		t.Errorf("%d dropped", got)
	}
}

func TestConnectionsWithoutAllocationsAreEnded(t *testing.T) {
	config := turnConfig()
	server, _, tcp := serve(t, config, "127.0.0.1")
	r := server.testRaw(t, "tcp", tcp.String(), "alice").greet()
	for i := 0; ; i++ {
		if _, err := r.conn.Write(build(t, stun.TransactionID, stun.BindingRequest)); err != nil {
			break
		}
		if r.receive(10*time.Second) == nil {
			break
		}
		if i > maxPerConnection {
			t.Fatalf("still open after %d requests", i)
		}
	}
	// With one, as many messages as one likes.
	k := server.testRaw(t, "tcp", tcp.String(), "bob").greet()
	k.allocate()
	for range 2 * maxPerConnection {
		if code, _ := k.request(stun.MethodRefresh); code != 0 {
			t.Fatal(code)
		}
	}
}

// TestAllocationKeepsAQuietConnection: the idle time bounds connections without
// an allocation only, and begins when it ends.
func TestAllocationKeepsAQuietConnection(t *testing.T) {
	config := turnConfig()
	config.IdleTimeout = 200 * time.Millisecond
	server, _, tcp := serve(t, config, "127.0.0.1")
	r := server.testRaw(t, "tcp", tcp.String(), "alice").greet()
	relayed := r.allocate()
	idle := server.testRaw(t, "tcp", tcp.String(), "bob").greet()
	if _, err := io.ReadAll(idle.conn); err != nil { // later than the idle time of both
		t.Fatal(err)
	}
	if code, _ := r.request(stun.MethodRefresh); code != 0 {
		t.Fatal(code)
	}
	_ = server.ledger.at(relayed).Close() // as when it expires
	_ = r.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.ReadAll(r.conn); err != nil {
		t.Errorf("still open: %v", err)
	}
}

func TestStrangersSeeNoRelay(t *testing.T) {
	server, udp, _ := serve(t, turnConfig(), "127.0.0.1")
	stranger := server.testRaw(t, "udp", udp.String(), "")
	stranger.send(channelData(0x4000, "x"))
	stranger.sendTo(netip.MustParseAddrPort("127.0.0.1:9"), "x")
	if m := stranger.exchange(build(t, stun.TransactionID, stun.BindingRequest)); m.Type != stun.BindingSuccess {
		t.Error(m.Type)
	}
	if got := server.Stats(); got.Strays != 2 || got.PacketsOut != 0 {
		t.Errorf("%+v", got)
	}
}

// TestPortsAreDrawn looks at the ports that are tried first.
func TestPortsAreDrawn(t *testing.T) {
	var quarters [4]int
	server := New(Config{ListenPacket: func(_, address string) (net.PacketConn, error) {
		port := netip.MustParseAddrPort(address).Port()
		quarters[(int(port)-49152)/4096]++
		return &sink{closed: make(chan struct{})}, nil
	}})
	for range 400 {
		if _, err := server.openRelay("udp4", netip.MustParseAddr("127.0.0.1")); err != nil {
			t.Fatal(err)
		}
	}
	for i, n := range quarters {
		if n < 50 {
			t.Errorf("quarter %d of the range got %d of %v", i, n, quarters)
		}
	}
}
