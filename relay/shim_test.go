package relay

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/logging"
	"github.com/pion/stun/v4"
	"github.com/pion/transport/v5/vnet"
	"github.com/pion/turn/v5"
)

// TestARepeatedAllocateIsAnsweredAgain: over UDP answers get lost.
func TestARepeatedAllocateIsAnsweredAgain(t *testing.T) {
	server, udp, _ := serve(t, turnConfig(), "127.0.0.1")
	r := server.testRaw(t, "udp", udp.String(), "alice").greet()
	request := r.signed(stun.MethodAllocate, udpTransport)
	first, second := r.exchange(request), r.exchange(request)
	a, errA := first.Get(stun.AttrXORRelayedAddress)
	b, errB := second.Get(stun.AttrXORRelayedAddress)
	if errA != nil || errB != nil || string(a) != string(b) || server.Stats().Allocations != 1 {
		t.Errorf("%x, %x; %+v", a, b, server.Stats())
	}
}

// TestFingerprintIsMirrored on what the library answers too.
func TestFingerprintIsMirrored(t *testing.T) {
	server, udp, _ := serve(t, turnConfig(), "127.0.0.1")
	r := server.testRaw(t, "udp", udp.String(), "alice").greet()
	for method, setters := range map[stun.Method][]stun.Setter{
		stun.MethodAllocate: {udpTransport}, stun.MethodRefresh: {attribute(0x7001)},
	} {
		m := decode(t, r.signed(method, setters...))
		if err := stun.Fingerprint.AddTo(m); err != nil {
			t.Fatal(err)
		}
		answer := r.exchange(m.Raw)
		if stun.Fingerprint.Check(answer) != nil || r.key().Check(answer) != nil {
			t.Errorf("%s: %v", method, answer)
		}
		m.Raw[len(m.Raw)-1] ^= 1
		r.send(m.Raw) // discarded
	}
	if got := server.Stats(); got.Malformed != 1 && got.Malformed != 2 {
		t.Errorf("%+v", got)
	}
}

// TestTheLibrarysNonceIsRenewed: what we sign for the library must not get old,
// and a clock that steps, or a nonce it no longer likes, costs a repetition.
func TestTheLibrarysNonceIsRenewed(t *testing.T) {
	server := New(Config{
		Secret: testSecret, Public: []Mapping{{Public: netip.MustParseAddr("9.9.9.9")}}, Allow: loopbackOpen,
		PacketsPerSecond: 1e9, PacketBurst: 1e9,
	})
	w := newPump()
	w.local = netip.MustParseAddrPort("127.0.0.1:3478")
	e := server.newEndpoint(w, "udp", true)
	if err := e.start(); err != nil {
		t.Fatal(err)
	}
	<-w.idle
	defer func() { close(w.in); <-e.done; server.running.Wait() }()
	r := pumped(t, server, w)
	r.t = t
	refresh := func() int {
		answers := w.put(r.signed(stun.MethodRefresh))
		if len(answers) == 0 {
			return -1
		}
		return codeOf(decode(t, answers[0]))
	}
	if answers := w.put(r.signed(stun.MethodAllocate, udpTransport)); len(answers) != 1 || codeOf(decode(t, answers[0])) != 0 {
		t.Fatalf("%x", answers)
	}
	// The pump is idle, so the endpoint is ours to look into.
	before := e.nonceAt
	e.nonceAt = time.Now().Add(-libraryNonce - time.Minute)
	if got := refresh(); got != 0 || e.nonceAt.Before(before) {
		t.Errorf("an old nonce: %d, renewed %v", got, e.nonceAt)
	}
	e.nonceAt = time.Now().Add(time.Hour)
	if got := refresh(); got != 0 || e.nonceAt.After(time.Now()) {
		t.Errorf("a nonce of tomorrow: %d", got)
	}
	e.library = "notanonceofthelibrary"
	if got := refresh(); got != -1 {
		t.Errorf("the library's own doubts were passed on: %d", got)
	}
	if got := refresh(); got != 0 {
		t.Errorf("the repetition: %d", got)
	}
}

// TestAPanicCostsOneRelayedMessage: one message that breaks the parser must not
// take the relay of all others with it.
func TestAPanicCostsOneRelayedMessage(t *testing.T) {
	server, w := relayOn(t, func(netip.AddrPort) {})
	r := pumped(t, server, w)
	r.t = t
	around := server.around
	server.around.own = func(netip.Addr) bool { panic("a bug in the gate") }
	w.put(r.signed(stun.MethodAllocate, udpTransport))
	peer := peerAddress(netip.MustParseAddrPort("8.8.8.8:1"))
	if answers := w.put(r.signed(stun.MethodCreatePermission, peer)); len(answers) != 0 {
		t.Errorf("%x", answers)
	}
	if got := server.Stats(); got.Panics != 1 || got.Live != 1 {
		t.Errorf("%+v", got)
	}
	server.around = around
	if answers := w.put(r.signed(stun.MethodCreatePermission, peer)); len(answers) != 1 || codeOf(decode(t, answers[0])) != 0 {
		t.Errorf("%x", answers)
	}
}

// TestMalformedFloodsCostOnlyThemselves: while one source sends garbage, another
// is served.
func TestMalformedFloodsCostOnlyThemselves(t *testing.T) {
	config := turnConfig()
	config.PacketsPerSecond, config.PacketBurst = 20, 100
	server, udp, _ := serve(t, config, "127.0.0.1")
	flood, err := (&net.Dialer{LocalAddr: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)}}).Dial("udp", udp.String())
	if err != nil {
		t.Skip(err)
	}
	defer flood.Close()
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		messages := strangers(t)
		for {
			for _, m := range messages {
				_, _ = flood.Write(m.data)
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	username, password, _ := server.Credentials("alice", time.Now())
	relayed, err := turnClient(t, packetConn(t, "udp4", "127.0.0.1:0"), udp.String(), username, password, 0).Allocate()
	if err != nil {
		t.Fatal(err)
	}
	peer := packetConn(t, "udp4", "127.0.0.1:0")
	_, _ = relayed.WriteTo([]byte("x"), peer.LocalAddr())
	_ = relayed.Close()
	close(stop)
	<-ended
	if got := server.Stats(); got.Limited == 0 || got.Panics != 0 {
		t.Errorf("%+v", got)
	}
}

// TestSimulatedNetwork runs the relay on sockets that are none of the system's.
func TestSimulatedNetwork(t *testing.T) {
	router, err := vnet.NewRouter(&vnet.RouterConfig{CIDR: "8.8.0.0/16", LoggerFactory: logging.NewDefaultLoggerFactory()})
	if err != nil {
		t.Fatal(err)
	}
	host := func(address string) *vnet.Net {
		n, err := vnet.NewNet(&vnet.NetConfig{StaticIPs: []string{address}})
		if err != nil {
			t.Fatal(err)
		}
		if err := router.AddNet(n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	at, alice, bob := host("8.8.0.1"), host("8.8.0.2"), host("8.8.0.3")
	if err := router.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = router.Stop() }()
	conn, err := at.ListenPacket("udp4", "8.8.0.1:3478")
	if err != nil {
		t.Fatal(err)
	}
	server := New(Config{
		Secret: testSecret, ListenPacket: at.ListenPacket,
		OwnAddresses: func() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("8.8.0.1/16")} },
	})
	done := make(chan error, 1)
	go func() { done <- server.ServeUDP(conn) }()
	defer func() {
		_ = server.Close()
		if err := <-done; !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	}()
	socket, err := alice.ListenPacket("udp4", "8.8.0.2:4000")
	if err != nil {
		t.Fatal(err)
	}
	username, password, _ := server.Credentials("alice", time.Now())
	client, err := turn.NewClient(&turn.ClientConfig{
		TURNServerAddr: "8.8.0.1:3478", STUNServerAddr: "8.8.0.1:3478", Conn: socket, Net: alice, Username: username, Password: password,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	defer client.Close()
	if err := client.Listen(); err != nil {
		t.Fatal(err)
	}
	relayed, err := client.Allocate()
	if err != nil {
		t.Fatal(err)
	}
	defer relayed.Close()
	peer, err := bob.ListenPacket("udp4", "8.8.0.3:5000")
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	echo(t, relayed, peer, "on a network that is not there")
	if err := client.CreatePermission(&net.UDPAddr{IP: net.IPv4(8, 8, 255, 255), Port: 1}); err == nil {
		t.Error("the broadcast address of the server's network is open")
	}
}
