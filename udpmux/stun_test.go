package udpmux

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"

	"godwit/relay"

	"github.com/pion/stun/v4"
)

func TestBindLearnsTheAddress(t *testing.T) {
	server := relay.New(relay.Config{})
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- server.ServeUDP(packets) }()
	defer func() { _ = server.Close(); <-served }()
	m := listen(t, netip.AddrPort{})
	mapped, err := m.Bind(deadline(t), packets.LocalAddr().(*net.UDPAddr).AddrPort())
	if err != nil {
		t.Fatal(err)
	}
	if mapped != at(m) {
		t.Errorf("mapped %v, want %v", mapped, at(m))
	}
}

// stunServer answers each request with what reply makes of it, from a socket of
// its own.
func stunServer(t *testing.T, reply func(n int, request stun.Message) [][]byte) netip.AddrPort {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(anyLoopback))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, 1500)
		for n := 0; ; n++ {
			size, from, err := conn.ReadFromUDPAddrPort(buffer)
			if err != nil {
				return
			}
			var request stun.Message
			if stun.Decode(buffer[:size], &request) != nil {
				continue
			}
			for _, packet := range reply(n, request) {
				_, _ = conn.WriteToUDPAddrPort(packet, from)
			}
		}
	}()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

func message(t testing.TB, setters ...stun.Setter) []byte {
	t.Helper()
	m, err := stun.Build(setters...)
	if err != nil {
		t.Fatal(err)
	}
	return m.Raw
}

func TestBindAnswers(t *testing.T) {
	mapped := &stun.XORMappedAddress{IP: net.IPv4(198, 51, 100, 7), Port: 4000}
	tests := []struct {
		why   string
		reply func(n int, id stun.Setter) [][]byte
		want  string // the address, or "" for an error
	}{
		{"a plain answer", func(_ int, id stun.Setter) [][]byte {
			return [][]byte{message(t, id, stun.BindingSuccess, mapped)}
		}, "198.51.100.7:4000"},
		{"a lost request is sent again", func(n int, id stun.Setter) [][]byte {
			if n == 0 {
				return nil
			}
			return [][]byte{message(t, id, stun.BindingSuccess, mapped)}
		}, "198.51.100.7:4000"},
		{"answers to other questions are not ours", func(_ int, id stun.Setter) [][]byte {
			forged := &stun.XORMappedAddress{IP: net.IPv4(6, 6, 6, 6), Port: 666}
			return [][]byte{message(t, stun.TransactionID, stun.BindingSuccess, forged), {1, 1, 0, 0}, message(t, id, stun.BindingSuccess, mapped)}
		}, "198.51.100.7:4000"},
		{"an error is an error", func(_ int, id stun.Setter) [][]byte {
			return [][]byte{message(t, id, stun.BindingError, stun.CodeServerError)}
		}, ""},
		{"an answer without an address", func(_ int, id stun.Setter) [][]byte {
			return [][]byte{message(t, id, stun.BindingSuccess)}
		}, ""},
		{"an answer with port 0", func(_ int, id stun.Setter) [][]byte {
			return [][]byte{message(t, id, stun.BindingSuccess, &stun.XORMappedAddress{IP: net.IPv4(1, 2, 3, 4)})}
		}, ""},
	}
	for _, test := range tests {
		t.Run(test.why, func(t *testing.T) {
			m := listen(t, anyLoopback)
			server := stunServer(t, func(n int, request stun.Message) [][]byte {
				return test.reply(n, stun.NewTransactionIDSetter(request.TransactionID))
			})
			got, err := m.Bind(deadline(t), server)
			if (err == nil) != (test.want != "") || (err == nil && got.String() != test.want) {
				t.Errorf("%v, %v; want %q", got, err, test.want)
			}
		})
	}
}

func TestBindIgnoresAnswersFromElsewhere(t *testing.T) {
	m := listen(t, anyLoopback)
	spoofer, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(at(m)))
	if err != nil {
		t.Fatal(err)
	}
	defer spoofer.Close()
	good := &stun.XORMappedAddress{IP: net.IPv4(198, 51, 100, 7), Port: 4000}
	forged := &stun.XORMappedAddress{IP: net.IPv4(6, 6, 6, 6), Port: 666}
	server := stunServer(t, func(n int, request stun.Message) [][]byte {
		id := stun.NewTransactionIDSetter(request.TransactionID)
		// It knows the transaction but not the server's socket; it is first.
		_, _ = spoofer.Write(message(t, id, stun.BindingSuccess, forged))
		return [][]byte{message(t, id, stun.BindingSuccess, good)}
	})
	if got, err := m.Bind(deadline(t), server); err != nil || got.String() != "198.51.100.7:4000" {
		t.Errorf("%v, %v", got, err)
	}
	if m.Stats().Unclaimed == 0 {
		t.Error("the forged answer was not counted")
	}
}

func TestBindEndsWithItsContextAndTheMux(t *testing.T) {
	silent := stunServer(t, func(int, stun.Message) [][]byte { return nil })
	m := listen(t, anyLoopback)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := m.Bind(ctx, silent); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	m.mu.RLock()
	left := len(m.transactions.owners)
	m.mu.RUnlock()
	if left != 0 {
		t.Errorf("%d transactions left behind", left)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Bind(context.Background(), silent); !errors.Is(err, ErrClosed) || !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

func FuzzDispatchSTUN(f *testing.F) {
	f.Add(message(f, stun.TransactionID, stun.BindingRequest, stun.NewUsername("frag:x"), stun.Fingerprint))
	f.Add(message(f, stun.TransactionID, stun.BindingSuccess, &stun.XORMappedAddress{IP: net.IPv4(1, 2, 3, 4), Port: 5}))
	f.Add(append([]byte{1, 1, 0, 8, 0x21, 0x12, 0xA4, 0x42}, bytes.Repeat([]byte{0xFF}, 20)...))
	f.Fuzz(func(t *testing.T, packet []byte) {
		parseAnswer(packet)
		class, id, ok := parseSTUNHeader(packet)
		if !ok {
			return
		}
		var m stun.Message
		if stun.Decode(packet, &m) == nil && (m.Type.Class != class || transactionID(m.TransactionID) != id) {
			t.Fatal("the library reads another header")
		}
		receiverFragment(packet)
	})
}
