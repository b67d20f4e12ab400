package relay

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

// pump is a wire into which a test puts one message after the other, each when
// the one before has been dealt with.
type pump struct {
	from, local netip.AddrPort
	in          chan []byte
	idle        chan struct{}

	mu   sync.Mutex
	sent [][]byte
}

func newPump() *pump {
	return &pump{
		from: netip.MustParseAddrPort("192.0.2.1:4000"), local: netip.MustParseAddrPort("192.0.2.9:3478"),
		in: make(chan []byte), idle: make(chan struct{}),
	}
}

func (w *pump) next(b []byte) (packet, error) {
	w.idle <- struct{}{}
	data, ok := <-w.in
	if !ok {
		return packet{}, net.ErrClosed
	}
	return packet{data: b[:copy(b, data)], from: w.from, local: w.local}, nil
}

func (w *pump) send(data []byte, _ netip.AddrPort, _ route) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = append(w.sent, bytes.Clone(data))
	return nil
}

func (w *pump) relaying(bool) {}
func (w *pump) close() error  { return nil }

// put has a message dealt with and returns what was answered.
func (w *pump) put(data []byte) [][]byte {
	w.mu.Lock()
	w.sent = nil
	w.mu.Unlock()
	w.in <- data
	<-w.idle
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sent
}

// sink is the socket of a relayed address that only looks at what is sent.
type sink struct {
	at     *net.UDPAddr
	look   func(to netip.AddrPort)
	closed chan struct{}
	once   sync.Once
}

func (s *sink) ReadFrom([]byte) (int, net.Addr, error) {
	<-s.closed
	return 0, nil, net.ErrClosed
}

func (s *sink) WriteTo(b []byte, to net.Addr) (int, error) {
	s.look(addrPortOf(to))
	return len(b), nil
}

func (s *sink) Close() error                     { s.once.Do(func() { close(s.closed) }); return nil }
func (s *sink) LocalAddr() net.Addr              { return s.at }
func (s *sink) SetDeadline(time.Time) error      { return os.ErrInvalid }
func (s *sink) SetReadDeadline(time.Time) error  { return os.ErrInvalid }
func (s *sink) SetWriteDeadline(time.Time) error { return os.ErrInvalid }

// relayOn runs the whole relay on a pump, with sinks for sockets.
func relayOn(t testing.TB, look func(netip.AddrPort)) (*Server, *pump) {
	t.Helper()
	port := 20000
	server := New(Config{
		Secret: testSecret, PacketsPerSecond: 1e9, PacketBurst: 1e9, MaxAllocationsPerUser: 1e6, MaxAllocations: 1e6,
		Public:       []Mapping{{Public: netip.MustParseAddr("9.9.9.9")}},
		OwnAddresses: func() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("192.0.2.9/24")} },
		ListenPacket: func(network, address string) (net.PacketConn, error) {
			port++
			return &sink{at: &net.UDPAddr{IP: net.IPv4(192, 0, 2, 9), Port: port}, look: look, closed: make(chan struct{})}, nil
		},
	})
	w := newPump()
	e := server.newEndpoint(w, "udp", true)
	if err := e.start(); err != nil {
		t.Fatal(err)
	}
	<-w.idle
	t.Cleanup(func() {
		close(w.in)
		<-e.done
		server.running.Wait()
	})
	return server, w
}

// pumped is a client of a pump.
func pumped(t testing.TB, server *Server, w *pump) *raw {
	t.Helper()
	r := &raw{t: t}
	r.username, r.password, _ = server.Credentials("alice", time.Now())
	answers := w.put(build(t, stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest), udpTransport))
	m := new(stun.Message)
	if len(answers) != 1 || stun.Decode(answers[0], m) != nil || r.nonce.GetFrom(m) != nil || r.realm.GetFrom(m) != nil {
		t.Fatalf("greeted with %x", answers)
	}
	return r
}

// FuzzDatagram puts anything into a UDP socket that relays: from a stranger, and
// from a client that has an allocation, a permission and a channel.
func FuzzDatagram(f *testing.F) {
	for _, message := range strangers(f) {
		f.Add(message.data, true)
		f.Add(message.data, false)
	}
	bad := make(chan netip.AddrPort, 1)
	look := func(to netip.AddrPort) {
		if (policy{}).refuse(to, nowhere) != "" {
			select {
			case bad <- to:
			default:
			}
		}
	}
	server, w := relayOn(f, look)
	known := w.from
	r := pumped(f, server, w)
	peer := peerAddress(netip.MustParseAddrPort("8.8.8.8:1"))
	w.put(r.signed(stun.MethodAllocate, udpTransport))
	if answers := w.put(r.signed(stun.MethodChannelBind, channelNumber(0x4000), peer)); len(answers) != 1 || codeOf(decode(f, answers[0])) != 0 {
		f.Fatalf("%x", answers)
	}
	f.Fuzz(func(t *testing.T, data []byte, client bool) {
		if w.from = known; !client {
			w.from = netip.MustParseAddrPort("192.0.2.2:4000")
		}
		answers := w.put(data)
		if len(answers) > 1 || len(answers) == 1 && len(answers[0]) > max(3*len(data), 36) {
			t.Fatalf("%d bytes are answered by %x", len(data), answers)
		}
		if got := server.Stats(); got.Panics != 0 || !client && got.Live != 1 {
			t.Fatalf("%+v", got)
		}
		select {
		case to := <-bad:
			t.Fatalf("a datagram went to %v", to)
		default:
		}
	})
}

func decode(t testing.TB, data []byte) *stun.Message {
	t.Helper()
	m := new(stun.Message)
	if err := stun.Decode(data, m); err != nil {
		t.Fatal(err)
	}
	return m
}

// FuzzSigned gives anything that a user may sign to the gate and to the library
// behind it.
func FuzzSigned(f *testing.F) {
	attributes := func(setters ...stun.Setter) []byte {
		return build(f, append([]stun.Setter{stun.NewTransactionIDSetter([12]byte{1}), stun.BindingRequest}, setters...)...)[headerSize:]
	}
	peer, mapped := peerAddress(netip.MustParseAddrPort("8.8.8.8:1")), peerAddress(netip.MustParseAddrPort("[::ffff:8.8.8.8]:1"))
	f.Add(uint8(0), attributes(udpTransport, lifetime(900), family4))
	f.Add(uint8(0), attributes(udpTransport, family6, attribute(stun.AttrEvenPort, 0x80)))
	f.Add(uint8(1), attributes(lifetime(600)))
	f.Add(uint8(1), attributes(lifetime(0)))
	f.Add(uint8(2), attributes(peer, mapped))
	f.Add(uint8(3), attributes(channelNumber(0x4001), peer))
	f.Add(uint8(3), attributes(channelNumber(0x4001), mapped, stun.Fingerprint))
	server, w := relayOn(f, func(netip.AddrPort) {})
	r := pumped(f, server, w)
	w.put(r.signed(stun.MethodAllocate, udpTransport))
	methods := []stun.Method{stun.MethodAllocate, stun.MethodRefresh, stun.MethodCreatePermission, stun.MethodChannelBind}
	f.Fuzz(func(t *testing.T, method uint8, raw []byte) {
		m := new(stun.Message)
		m.TransactionID = [12]byte{1}
		m.Type = stun.NewType(methods[method%4], stun.ClassRequest)
		m.WriteHeader()
		raw = raw[:min(len(raw), 1000)&^3]
		m.Raw = append(m.Raw, raw...)
		binary.BigEndian.PutUint16(m.Raw[2:], uint16(len(raw)))
		if m.Decode() != nil || m.Contains(stun.AttrFingerprint) || m.Contains(stun.AttrMessageIntegrity) {
			return
		}
		for _, setter := range []stun.Setter{stun.NewUsername(r.username), r.realm, r.nonce, r.key()} {
			if err := setter.AddTo(m); err != nil {
				t.Fatal(err)
			}
		}
		answers := w.put(m.Raw)
		if len(answers) > 1 {
			t.Fatalf("%d answers", len(answers))
		}
		if len(answers) == 1 {
			switch answer := decode(t, answers[0]); codeOf(answer) {
			case 400, 401, 438: // a second name, realm or nonce came before ours
			default:
				if r.key().Check(answer) != nil {
					t.Fatalf("an answer that is not signed: %x", answers[0])
				}
			}
		}
		if got := server.Stats(); got.Panics != 0 || got.Live > 1 {
			t.Fatalf("%+v", got)
		}
		if server.Stats().Live == 0 { // it was given back: for the next
			r.t = t
			w.put(r.signed(stun.MethodAllocate, udpTransport))
		}
	})
}

// FuzzFrames cuts anything that comes over a stream into messages.
func FuzzFrames(f *testing.F) {
	request := build(f, stun.TransactionID, stun.BindingRequest)
	f.Add(append(bytes.Clone(request), request...), true)
	f.Add(append(channelData(0x4000, "abc"), request...), true)
	f.Add(append(channelData(0x4FFF, string(make([]byte, 5000))), request...), true)
	f.Add([]byte{0x40, 0, 0xFF, 0xFF}, true)
	f.Add([]byte("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"), false)
	f.Fuzz(func(t *testing.T, data []byte, relays bool) {
		server, client := net.Pipe()
		defer server.Close()
		defer client.Close()
		w := &tcpWire{server: New(Config{}), conn: server, turn: relays}
		source := bytes.NewReader(data)
		b := make([]byte, maxFrame+1)
		for {
			left := source.Len()
			message, err := w.read(source, b)
			if err != nil {
				return
			}
			if source.Len() >= left {
				t.Fatal("nothing was read")
			}
			if len(message) > maxFrame || len(message) > left {
				t.Fatalf("a message of %d out of %d bytes", len(message), left)
			}
			at := len(data) - left
			if len(message) > 0 && !bytes.Equal(message, data[at:at+len(message)]) {
				t.Fatal("a message that was not sent")
			}
		}
	})
}

// FuzzPeer reads XOR-PEER-ADDRESS as we do and as the library does.
func FuzzPeer(f *testing.F) {
	f.Add([]byte{0, 1, 0x21, 0x13, 0x29, 0x1A, 0xAC, 0x4A})
	f.Add(append([]byte{0, 2, 0x21, 0x13}, make([]byte, 16)...))
	f.Fuzz(func(t *testing.T, value []byte) {
		id := [stun.TransactionIDSize]byte{9, 8, 7}
		got, ok := peerOf(value, id)
		if !ok {
			return
		}
		m := new(stun.Message)
		m.TransactionID = id
		m.WriteHeader()
		m.Add(stun.AttrXORPeerAddress, value)
		var library stun.XORMappedAddress
		if err := library.GetFromAs(m, stun.AttrXORPeerAddress); err != nil {
			t.Fatalf("the library refuses %x: %v", value, err)
		}
		if other := addrPortOf(&net.UDPAddr{IP: library.IP, Port: library.Port}); other != got {
			t.Fatalf("we read %v, the library %v", got, other)
		}
	})
}
