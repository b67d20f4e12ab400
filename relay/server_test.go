package relay

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v4"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts a server on loopback sockets and stops it with the test.
func serve(t *testing.T, config Config, host string) (*Server, net.Addr, net.Addr) {
	t.Helper()
	server := New(config)
	packets, err := net.ListenPacket("udp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Skipf("no UDP on %q: %v", host, err)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 2)
	go func() { done <- server.ServeUDP(packets) }()
	go func() { done <- server.ServeTCP(listener) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		for range 2 {
			if err := <-done; !errors.Is(err, ErrClosed) {
				t.Errorf("serving ended with %v", err)
			}
		}
		if open := server.Stats().Open; open != 0 {
			t.Errorf("%d connections left", open)
		}
	})
	return server, packets.LocalAddr(), listener.Addr()
}

func loopback(addr net.Addr) string {
	_, port, _ := net.SplitHostPort(addr.String())
	return net.JoinHostPort("127.0.0.1", port)
}

func exchange(t *testing.T, conn net.Conn, request []byte) {
	t.Helper()
	if _, err := conn.Write(request); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	answer := make([]byte, 1500)
	n, err := conn.Read(answer)
	if err != nil {
		t.Fatal(err)
	}
	checkAnswer(t, request, answer[:n], netip.MustParseAddrPort(conn.LocalAddr().String()), nil)
}

func dial(t *testing.T, network, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestServeAnswersOverBothTransports(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "", "0.0.0.0"} {
		server, udp, tcp := serve(t, Config{}, host)
		request := build(t, stun.TransactionID, stun.BindingRequest, stun.Fingerprint)
		// A connected socket accepts only answers from the address it asked.
		exchange(t, dial(t, "udp", loopback(udp)), request)
		conn := dial(t, "tcp", loopback(tcp))
		exchange(t, conn, request)
		exchange(t, conn, request)
		if got := server.Stats(); got.Answered != 3 || got.Connections != 1 {
			t.Errorf("%q: %+v", host, got)
		}
	}
}

func TestServeTCPReassemblesDrippedBytes(t *testing.T) {
	_, _, tcp := serve(t, Config{}, "127.0.0.1")
	conn := dial(t, "tcp", tcp.String())
	request := build(t, stun.TransactionID, stun.BindingRequest, stun.NewSoftware("drip"))
	for i := range len(request) - 1 {
		if _, err := conn.Write(request[i : i+1]); err != nil {
			t.Fatal(err)
		}
	}
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := conn.Write(request[len(request)-1:]); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 1500)
	n, err := conn.Read(answer)
	if err != nil {
		t.Fatal(err)
	}
	checkAnswer(t, request, answer[:n], netip.MustParseAddrPort(conn.LocalAddr().String()), nil)
}

func TestServeTCPEndsAConnectionThatIsNotSTUN(t *testing.T) {
	server, _, tcp := serve(t, Config{}, "127.0.0.1")
	conn := dial(t, "tcp", tcp.String())
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.ReadAll(conn); err != nil && errors.Is(err, errTimeout(err)) {
		t.Fatalf("still open: %v", err)
	}
	if got := server.Stats().Malformed; got != 1 {
		t.Errorf("counted %d malformed", got)
	}
}

// errTimeout returns err itself when it is a timeout, else something it is not.
func errTimeout(err error) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return err
	}
	return io.ErrNoProgress
}

func TestServeTCPEndsASilentConnection(t *testing.T) {
	_, _, tcp := serve(t, Config{IdleTimeout: time.Millisecond}, "127.0.0.1")
	conn := dial(t, "tcp", tcp.String())
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := conn.Read(make([]byte, 1)); err == nil || errors.Is(err, errTimeout(err)) {
		t.Fatalf("still open: %v", err)
	}
}

func TestServeTCPCapsConnectionsPerSource(t *testing.T) {
	server, _, tcp := serve(t, Config{MaxConnectionsPerSource: 2}, "127.0.0.1")
	request := build(t, stun.TransactionID, stun.BindingRequest)
	first, second := dial(t, "tcp", tcp.String()), dial(t, "tcp", tcp.String())
	exchange(t, first, request)
	exchange(t, second, request)
	third := dial(t, "tcp", tcp.String())
	_ = third.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := third.Read(make([]byte, 1)); err == nil || errors.Is(err, errTimeout(err)) {
		t.Fatalf("a third connection was kept: %v", err)
	}
	exchange(t, first, request) // the others do not suffer
	if got := server.Stats().Turned; got != 1 {
		t.Errorf("turned away %d", got)
	}
}

func TestServeUDPLimitsASource(t *testing.T) {
	server, udp, _ := serve(t, Config{PacketsPerSecond: 0.001, PacketBurst: 3}, "127.0.0.1")
	conn := dial(t, "udp", udp.String())
	request := build(t, stun.TransactionID, stun.BindingRequest)
	for range 3 {
		exchange(t, conn, request)
	}
	if _, err := conn.Write(request); err != nil {
		t.Fatal(err)
	}
	// Another source is answered, and its packet was read after the one above.
	other, err := (&net.Dialer{LocalAddr: &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)}}).Dial("udp", udp.String())
	if err != nil {
		t.Skipf("no second loopback address: %v", err)
	}
	defer other.Close()
	exchange(t, other, request)
	if got := server.Stats(); got.Limited != 1 || got.Answered != 4 {
		t.Errorf("%+v", got)
	}
}

func TestPanicCostsOneMessage(t *testing.T) {
	server := New(Config{})
	broken := func([]byte, netip.AddrPort) ([]byte, verdict) { panic("a parser bug") }
	if got := server.answer(broken, build(t, stun.TransactionID, stun.BindingRequest), client4); got != nil {
		t.Errorf("answered %x", got)
	}
	if server.Stats().Panics != 1 {
		t.Errorf("%+v", server.Stats())
	}
}

func TestServeAfterClose(t *testing.T) {
	server := New(Config{})
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := server.ServeUDP(packets); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if _, err := packets.WriteTo(nil, packets.LocalAddr()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the socket was left open: %v", err)
	}
	if err := server.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}

func TestLimiter(t *testing.T) {
	start := time.Unix(1000, 0)
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	six, neighbour, far := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2"), netip.MustParseAddr("2001:db8:0:1::1")
	l := newLimiter(1, 2, 100)
	steps := []struct {
		why   string
		from  netip.Addr
		after time.Duration
		want  bool
	}{
		{"a bucket starts full", a, 0, true},
		{"and holds the burst", a, 0, true},
		{"then it is empty", a, 0, false},
		{"others are not affected", b, 0, true},
		{"it refills by the rate", a, time.Second, true},
		{"and no further", a, time.Second, false},
		{"IPv6 counts by /64", six, 0, true},
		{"so a neighbour shares the bucket", neighbour, 0, true},
		{"and finds it empty", neighbour, 0, false},
		{"another /64 does not", far, 0, true},
		{"mapped IPv4 is IPv4", netip.AddrFrom16(a.As16()), time.Second, false},
		{"a clock that steps back gives no tokens", a, -time.Hour, false},
	}
	for _, step := range steps {
		if got := l.allow(step.from, start.Add(step.after)); got != step.want {
			t.Errorf("%s: %v", step.why, got)
		}
	}
}

func TestLimiterForgetsInBoundedMemory(t *testing.T) {
	l := newLimiter(1, 1, 8)
	now := time.Unix(0, 0)
	heavy := netip.MustParseAddr("10.0.0.1")
	for i := range 1000 {
		l.allow(netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}), now)
		if l.allow(heavy, now) && i > 0 {
			t.Fatalf("after %d strangers a busy source got a fresh bucket", i)
		}
		if len(l.current)+len(l.previous) > 2*8+1 {
			t.Fatalf("%d sources remembered", len(l.current)+len(l.previous))
		}
	}
}
