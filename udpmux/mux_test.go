package udpmux

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/pion/stun/v4"
	"github.com/quic-go/quic-go"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var anyLoopback = netip.MustParseAddrPort("127.0.0.1:0")

func listen(t testing.TB, address netip.AddrPort) *Mux {
	t.Helper()
	m, err := Listen(Config{Address: address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// at is the address at which a mux is reached on this machine.
func at(m *Mux) netip.AddrPort {
	if m.LocalAddr().Addr().IsUnspecified() {
		return netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), m.LocalAddr().Port())
	}
	return m.LocalAddr()
}

func deadline(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func tlsConfig(t testing.TB) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{
		Certificates:       []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		InsecureSkipVerify: true, // nobody is authenticated in these tests
		NextProtos:         []string{"test"},
	}
}

func TestQUICPassesOnlyFromAdmittedAddresses(t *testing.T) {
	for _, address := range []netip.AddrPort{anyLoopback, {}} { // one address; dual-stack wildcard
		a, b := listen(t, address), listen(t, address)
		config := tlsConfig(t)
		listener, err := b.QUIC().Listen(config, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()

		// Nobody is let in: the client hears nothing, the server sees nothing.
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		_, err = a.QUIC().Dial(ctx, net.UDPAddrFromAddrPort(at(b)), config, nil)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("a stranger got %v", err)
		}
		if b.Stats().Refused == 0 {
			t.Error("refused packets are not counted")
		}

		defer a.Allow(at(b))()
		release := b.Allow(at(a))
		conn, err := a.QUIC().Dial(deadline(t), net.UDPAddrFromAddrPort(at(b)), config, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := listener.Accept(deadline(t)); err != nil {
			t.Fatal(err)
		}
		release()
		release() // twice is once
		b.mu.RLock()
		left := len(b.allowed)
		b.mu.RUnlock()
		if left != 0 {
			t.Errorf("%d addresses still admitted", left)
		}
		_ = conn.CloseWithError(0, "")
	}
}

// TestQUICSurvivesForeignPackets mixes STUN, DTLS, RTP and stray QUIC packets
// into a transfer: batches with holes in them must not damage a byte.
func TestQUICSurvivesForeignPackets(t *testing.T) {
	a, b := listen(t, anyLoopback), listen(t, anyLoopback)
	defer a.Allow(at(b))()
	defer b.Allow(at(a))()
	config := tlsConfig(t)
	listener, err := b.QUIC().Listen(config, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		noise, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(at(b)))
		if err != nil {
			return
		}
		defer noise.Close()
		packets := [][]byte{{}, {0, 1, 0, 0}, bytes.Repeat([]byte{22}, 1200), {144, 1, 2}, bytes.Repeat([]byte{0x45}, 900), {0xC3, 0, 0, 0, 1}}
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				_, _ = noise.Write(packets[i%len(packets)])
			}
		}
	}()
	sent := make([]byte, 4<<20)
	if _, err := rand.Read(sent); err != nil {
		t.Fatal(err)
	}
	got := make(chan [32]byte, 1)
	failed := make(chan error, 1)
	go func() {
		conn, err := listener.Accept(deadline(t))
		if err != nil {
			failed <- err
			return
		}
		stream, err := conn.AcceptStream(deadline(t))
		if err != nil {
			failed <- err
			return
		}
		data, err := io.ReadAll(stream)
		if err != nil {
			failed <- err
			return
		}
		got <- sha256.Sum256(data)
		_ = conn.CloseWithError(0, "")
	}()
	conn, err := a.QUIC().Dial(deadline(t), net.UDPAddrFromAddrPort(at(b)), config, nil)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := conn.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Write(sent); err != nil {
		t.Fatal(err)
	}
	_ = stream.Close()
	select {
	case sum := <-got:
		if sum != sha256.Sum256(sent) {
			t.Error("the data was damaged")
		}
	case err := <-failed:
		t.Fatal(err)
	}
	close(stop)
	<-done
	stats := b.Stats()
	if stats.STUN == 0 || stats.DTLS == 0 || stats.Unknown == 0 || stats.Refused == 0 {
		t.Errorf("the noise was not seen: %+v", stats)
	}
	if !conn.ConnectionState().GSO && gsoExpected() {
		t.Error("segmentation offload was lost")
	}
}

func family(t *testing.T, m *Mux, fragment string) *Conn {
	t.Helper()
	c, err := m.Family(fragment, at(m))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func receive(t *testing.T, c *Conn) (stun.Message, netip.AddrPort) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	buffer := make([]byte, 1500)
	n, from, err := c.ReadFrom(buffer)
	if err != nil {
		t.Fatal(err)
	}
	var m stun.Message
	if err := stun.Decode(buffer[:n], &m); err != nil {
		t.Fatal(err)
	}
	return m, from.(*net.UDPAddr).AddrPort()
}

// TestTwoAgentsCheckOneRemote is what a second introduction beside a living
// link looks like: same sockets on both sides, other fragments.
func TestTwoAgentsCheckOneRemote(t *testing.T) {
	a, b := listen(t, netip.AddrPort{}), listen(t, anyLoopback)
	a1, a2 := family(t, a, "a1"), family(t, a, "a2")
	b1, b2 := family(t, b, "b1"), family(t, b, "b2")
	send := func(from *Conn, to netip.AddrPort, user string) {
		t.Helper()
		request, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.NewUsername(user))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := from.WriteTo(request.Raw, net.UDPAddrFromAddrPort(to)); err != nil {
			t.Fatal(err)
		}
	}
	proven := make(chan netip.AddrPort, 10)
	a1.OnAnswer(func(from netip.AddrPort) { proven <- from })
	send(a1, at(b), "b1:a1")
	send(a2, at(b), "b2:a2")
	for _, pair := range []struct {
		server, client *Conn
		want           string
	}{{b2, a2, "b2:a2"}, {b1, a1, "b1:a1"}} {
		request, from := receive(t, pair.server)
		var user stun.Username
		if err := user.GetFrom(&request); err != nil || user.String() != pair.want || from != at(a) {
			t.Fatalf("%q from %v, %v; want %q", user, from, err, pair.want)
		}
		response := message(t, stun.NewTransactionIDSetter(request.TransactionID), stun.BindingSuccess)
		if _, err := pair.server.WriteTo(response, net.UDPAddrFromAddrPort(from)); err != nil {
			t.Fatal(err)
		}
		answer, _ := receive(t, pair.client)
		if answer.TransactionID != request.TransactionID {
			t.Fatal("the response went to the other agent")
		}
	}
	if len(proven) != 1 || <-proven != at(b) {
		t.Error("an answer was not reported, or one too many")
	}
	// An answer that nobody asked for proves nothing, nor does a refusal.
	send(a1, at(b), "b1:a1")
	request, from := receive(t, b1)
	for _, forged := range [][]byte{
		message(t, stun.TransactionID, stun.BindingSuccess),
		message(t, stun.NewTransactionIDSetter(request.TransactionID), stun.BindingError),
	} {
		if _, err := b1.WriteTo(forged, net.UDPAddrFromAddrPort(from)); err != nil {
			t.Fatal(err)
		}
	}
	receive(t, a1) // the refusal, which came last
	if len(proven) != 0 {
		t.Error("proven without an answer")
	}
}

func TestConnLifetime(t *testing.T) {
	m := listen(t, anyLoopback)
	first := family(t, m, "f")
	again := family(t, m, "f")
	if first != again {
		t.Fatal("the same agent and family got two")
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if err := first.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := first.ReadFrom(nil); err == nil || errors.Is(err, ErrClosed) {
		t.Errorf("closed while still opened elsewhere: %v", err)
	}
	_ = first.SetReadDeadline(time.Time{})
	reading := make(chan error, 1)
	go func() { _, _, err := first.ReadFrom(make([]byte, 1)); reading <- err }()
	m.Drop("f")
	if err := <-reading; !errors.Is(err, ErrClosed) {
		t.Errorf("a waiting reader got %v", err)
	}
	if _, err := first.WriteTo([]byte{0}, m.socket.LocalAddr()); !errors.Is(err, ErrClosed) {
		t.Errorf("a dropped one sends: %v", err)
	}
	fresh := family(t, m, "f")
	if fresh == first {
		t.Fatal("a dropped one came back")
	}
	// Closing the old one does not touch the new one of the same name.
	_ = first.Close()
	m.mu.RLock()
	kept := m.conns[fresh.key] == fresh
	m.mu.RUnlock()
	if !kept {
		t.Error("the old one's end removed the new one")
	}
}

func TestConnQueueIsBounded(t *testing.T) {
	m := listen(t, anyLoopback)
	c := family(t, m, "f")
	packet := message(t, stun.TransactionID, stun.BindingRequest, stun.NewUsername("f:x"))
	for range maxQueued + 5 {
		m.admit(packet, anyLoopback)
	}
	c.mu.Lock()
	queued := len(c.queue)
	c.mu.Unlock()
	if queued != maxQueued || m.Stats().Overflow != 5 {
		t.Errorf("%d queued, %d dropped", queued, m.Stats().Overflow)
	}
}

func TestTransactionsAreBounded(t *testing.T) {
	var list transactions
	for i := range 3 * maxTransactions {
		list.add(transactionID{byte(i), byte(i >> 8), byte(i >> 16)}, owner{})
	}
	if len(list.owners) != maxTransactions || len(list.order) != maxTransactions {
		t.Errorf("%d owners, %d in order", len(list.owners), len(list.order))
	}
}

func TestLead(t *testing.T) {
	a, b, c := netip.MustParseAddrPort("192.0.2.1:9"), netip.MustParseAddrPort("192.0.2.2:9"), netip.MustParseAddrPort("[2001:db8::1]:9")
	elsewhere := netip.MustParseAddrPort("192.0.2.3:9")
	if got, want := lead([]netip.AddrPort{a, b, b, c}, []netip.AddrPort{c, elsewhere, b, c}), []netip.AddrPort{c, b, a}; !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

func TestLocalAddresses(t *testing.T) {
	bound := listen(t, anyLoopback)
	if got, err := bound.LocalAddresses(false); err != nil || len(got) != 0 {
		t.Errorf("loopback slipped through: %v, %v", got, err)
	}
	if got, err := bound.LocalAddresses(true); err != nil || len(got) != 1 || got[0] != bound.LocalAddr() {
		t.Errorf("%v, %v", got, err)
	}
	wild := listen(t, netip.AddrPort{})
	got, err := wild.LocalAddresses(true)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, a := range got {
		found = found || a == at(wild)
		if a.Addr().IsLinkLocalUnicast() || a.Addr().IsUnspecified() || a.Port() != wild.LocalAddr().Port() {
			t.Errorf("useless: %v", a)
		}
	}
	if !found {
		t.Errorf("no loopback in %v", got)
	}
	if local, err := wild.LocalFor(at(bound)); err != nil || local != at(wild) {
		t.Errorf("local for loopback: %v, %v", local, err)
	}
}

func BenchmarkAdmit(b *testing.B) {
	m := listen(b, anyLoopback)
	from := netip.MustParseAddrPort("198.51.100.1:3478")
	defer m.Allow(from)()
	packet := bytes.Repeat([]byte{0x45}, 1200)
	b.ReportAllocs()
	for b.Loop() {
		if !m.admit(packet, from) {
			b.Fatal("refused")
		}
	}
}

func BenchmarkQUICThroughput(b *testing.B) {
	server, client := listen(b, anyLoopback), listen(b, anyLoopback)
	defer client.Allow(at(server))()
	defer server.Allow(at(client))()
	config := tlsConfig(b)
	listener, err := server.QUIC().Listen(config, &quic.Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer listener.Close()
	received := make(chan error, 1)
	go func() {
		conn, err := listener.Accept(context.Background())
		if err != nil {
			received <- err
			return
		}
		stream, err := conn.AcceptStream(context.Background())
		if err == nil {
			_, err = io.Copy(io.Discard, stream)
		}
		received <- err
		_ = conn.CloseWithError(0, "")
	}()
	conn, err := client.QUIC().Dial(deadline(b), net.UDPAddrFromAddrPort(at(server)), config, &quic.Config{})
	if err != nil {
		b.Fatal(err)
	}
	stream, err := conn.OpenStream()
	if err != nil {
		b.Fatal(err)
	}
	block := make([]byte, 1<<20)
	b.SetBytes(int64(len(block)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := stream.Write(block); err != nil {
			b.Fatal(err)
		}
	}
	_ = stream.Close()
	if err := <-received; err != nil {
		b.Fatal(err)
	}
}
