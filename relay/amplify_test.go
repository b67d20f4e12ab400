package relay

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

// strangers are all kinds of messages that somebody without credentials can send,
// each in its shortest form, and the answer's size per byte that is tolerated.
// What has to be more than the request (a reflexive address, a nonce) is small and
// bounded by the rate: see TestReflectionIsBounded.
func strangers(t testing.TB) map[string]struct {
	data  []byte
	limit float64
} {
	request := func(method stun.Method, setters ...stun.Setter) []byte {
		return build(t, append([]stun.Setter{stun.TransactionID, stun.NewType(method, stun.ClassRequest)}, setters...)...)
	}
	peer := peerAddress(netip.MustParseAddrPort("8.8.8.8:1"))
	fake := []stun.Setter{stun.NewUsername("1900000000:alice"), stun.NewRealm("godwit"), stun.NewNonce("AAAAAAAAAAAAAAAA"),
		stun.NewLongTermIntegrity("alice", "godwit", "x")}
	type message = struct {
		data  []byte
		limit float64
	}
	// Binding: 12 bytes for XOR-MAPPED-ADDRESS, 12 each for RESPONSE-ORIGIN and
	// OTHER-ADDRESS, on 20; 12 more for MAPPED-ADDRESS after CHANGE-REQUEST.
	const binding, discovery = 56.0 / 20, 68.0 / 28
	// 401 and 438: 8 for the code, 20 for the nonce, 12 for the realm, on 20.
	const challenge = 60.0 / 20
	list := map[string]message{
		"Binding":                          {request(stun.MethodBinding), binding},
		"Binding with FINGERPRINT":         {request(stun.MethodBinding, stun.Fingerprint), binding},
		"Binding with CHANGE-REQUEST":      {request(stun.MethodBinding, change(changePortFlag)), discovery},
		"Binding that asks for an address": {request(stun.MethodBinding, change(changeAddressFlag)), 1.3}, // 420
		"Binding with PADDING":             {request(stun.MethodBinding, attribute(stun.AttrPadding, make([]byte, 500)...)), 1},
		"Binding with RESPONSE-PORT":       {request(stun.MethodBinding, attribute(stun.AttrResponsePort, 0, 53, 0, 0)), 1.3},
		"Binding with unknown attributes":  {request(stun.MethodBinding, attribute(0x7001), attribute(0x7002), attribute(0x7003)), 1.25},
		"Binding indication":               {build(t, stun.TransactionID, stun.NewType(stun.MethodBinding, stun.ClassIndication)), 0},
		"Binding response":                 {build(t, stun.TransactionID, stun.BindingSuccess), 0},
		"Allocate":                         {request(stun.MethodAllocate), challenge},
		"Allocate as clients send it":      {request(stun.MethodAllocate, udpTransport), 60.0 / 28},
		"Refresh":                          {request(stun.MethodRefresh), challenge},
		"CreatePermission":                 {request(stun.MethodCreatePermission, peer), 60.0 / 32},
		"ChannelBind":                      {request(stun.MethodChannelBind, channelNumber(0x4000), peer), 60.0 / 40},
		"Allocate with integrity only":     {request(stun.MethodAllocate, stun.NewShortTermIntegrity("x")), 1}, // 400
		"Allocate with false credentials":  {request(stun.MethodAllocate, fake...), 1},
		"Connect (RFC 6062)":               {request(stun.MethodConnect, peer), 0},
		"ConnectionBind (RFC 6062)":        {request(stun.MethodConnectionBind), 0},
		"a method of tomorrow":             {request(stun.Method(0x0FF)), 0},
		"Send indication":                  {build(t, stun.TransactionID, stun.NewType(stun.MethodSend, stun.ClassIndication), peer, attribute(stun.AttrData, 1)), 0},
		"Data indication":                  {build(t, stun.TransactionID, stun.NewType(stun.MethodData, stun.ClassIndication), peer, attribute(stun.AttrData, 1)), 0},
		"ChannelData":                      {channelData(0x4000, "x"), 0},
		"a byte":                           {[]byte{0}, 0},
		"an empty datagram":                {[]byte{}, 0},
		"a ClientHello of DTLS":            {append([]byte{22, 254, 253}, make([]byte, 100)...), 0},
		"an Initial of QUIC":               {append([]byte{0xC3, 0, 0, 0, 1}, make([]byte, 1195)...), 0},
	}
	return list
}

// TestAmplification measures the answers to everything a stranger can send over
// UDP, byte against byte.
func TestAmplification(t *testing.T) {
	set := Sockets{Primary: pair(t, "127.0.0.1"), Other: pair(t, "127.0.0.1")}
	at := set.Primary[0].LocalAddr()
	discover(t, turnConfig(), set)
	for name, message := range strangers(t) {
		conn := packetConn(t, "udp4", "127.0.0.1:0")
		if _, err := conn.WriteTo(message.data, at); err != nil {
			t.Fatal(err)
		}
		// What is asked after it is answered after it, by the same socket.
		end := build(t, stun.TransactionID, stun.BindingRequest)
		if _, err := conn.WriteTo(end, at); err != nil {
			t.Fatal(err)
		}
		answer, packets := 0, 0
		b := make([]byte, 65536)
		for {
			_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			n, from, err := conn.ReadFrom(b)
			if err != nil {
				t.Fatal(err)
			}
			if from.String() == at.String() && n >= 20 && string(b[8:20]) == string(end[8:20]) {
				break
			}
			answer += n
			packets++
			m := new(stun.Message)
			if stun.Decode(b[:n], m) != nil || m.Contains(stun.AttrSoftware) {
				t.Errorf("%s: %x", name, b[:n])
			}
		}
		if name == "Binding with CHANGE-REQUEST" && packets == 0 {
			// It leaves from the other socket, maybe after the end.
			_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			n, _, err := conn.ReadFrom(b)
			if err != nil {
				t.Fatal(err)
			}
			answer, packets = n, 1
		}
		ratio := float64(answer) / float64(max(1, len(message.data)))
		t.Logf("%-34s %4d bytes, %3d back in %d: %.2f", name, len(message.data), answer, packets, ratio)
		if ratio > message.limit+0.001 || packets > 1 {
			t.Errorf("%s: %d bytes for %d (%.2f), %d packets; tolerated are %.2f and one",
				name, answer, len(message.data), ratio, packets, message.limit)
		}
	}
}

// TestLongestAnswer: whatever is asked, over either family.
func TestLongestAnswer(t *testing.T) {
	for host, want := range map[string]int{"127.0.0.1": 76, "::1": 124} {
		set := Sockets{Primary: pair(t, host), Other: pair(t, host)}
		at := addrPortOf(set.Primary[0].LocalAddr())
		discover(t, turnConfig(), set)
		m, _ := ask(t, packetConn(t, "udp", net.JoinHostPort(host, "0")), at, change(changePortFlag), stun.Fingerprint)
		if got := len(m.Raw); got != want {
			t.Errorf("%s: %d bytes, documented are %d", host, got, want)
		}
	}
}

// TestReflectionIsBounded shows that whatever a source seems to send, what it gets
// is bounded: by the rate of all answers, and for challenges by half of it.
func TestReflectionIsBounded(t *testing.T) {
	config := Config{Secret: testSecret, PacketsPerSecond: 0.001, PacketBurst: 40}
	for _, test := range []struct {
		why     string
		data    []byte
		answers uint64
	}{
		{"Binding", build(t, stun.TransactionID, stun.BindingRequest), 40},
		{"Allocate without credentials", build(t, stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest), udpTransport), 20},
		{"Refresh without credentials", build(t, stun.TransactionID, stun.NewType(stun.MethodRefresh, stun.ClassRequest)), 20},
		{"false credentials", strangers(t)["Allocate with false credentials"].data, 20},
		{"broken credentials", strangers(t)["Allocate with integrity only"].data, 20},
	} {
		t.Run(test.why, func(t *testing.T) {
			server, w := New(config), &scripted{from: netip.MustParseAddrPort("192.0.2.1:4000")}
			e := server.newEndpoint(w, "udp", true)
			for range 500 {
				e.take(packet{data: test.data, from: w.from, local: netip.MustParseAddrPort("192.0.2.9:3478")})
			}
			if got := uint64(len(w.sent)); got != test.answers {
				t.Errorf("%d answers to 500 packets, want %d", got, test.answers)
			}
			if got := server.Stats(); got.Limited != 500-test.answers {
				t.Errorf("%+v", got)
			}
			// Another source is answered.
			e.take(packet{data: test.data, from: netip.MustParseAddrPort("192.0.2.2:4000"), local: netip.MustParseAddrPort("192.0.2.9:3478")})
			if got := uint64(len(w.sent)); got != test.answers+1 {
				t.Error("another source suffers")
			}
		})
	}
}

// scripted is a wire that reads what it was given and keeps what is sent.
type scripted struct {
	from  netip.AddrPort
	input [][]byte
	sent  [][]byte
}

func (w *scripted) next(b []byte) (packet, error) {
	if len(w.input) == 0 {
		return packet{}, net.ErrClosed
	}
	n := copy(b, w.input[0])
	w.input = w.input[1:]
	return packet{data: b[:n], from: w.from, local: netip.MustParseAddrPort("192.0.2.9:3478")}, nil
}

func (w *scripted) send(data []byte, _ netip.AddrPort, _ route) error {
	w.sent = append(w.sent, append([]byte(nil), data...))
	return nil
}

func (w *scripted) relaying(bool) {}
func (w *scripted) close() error  { return nil }
