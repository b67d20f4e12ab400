package relay

import (
	"encoding/base64"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

// raw speaks TURN by hand, so that tests can say what no library would.
type raw struct {
	t                  testing.TB
	conn               net.Conn
	username, password string
	realm              stun.Realm
	nonce              stun.Nonce
}

func (s *Server) testRaw(t testing.TB, network, address, account string) *raw {
	t.Helper()
	conn, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	username, password, _ := s.Credentials(account, time.Now())
	return &raw{t: t, conn: conn, username: username, password: password}
}

func (r *raw) key() stun.MessageIntegrity {
	return stun.NewLongTermIntegrity(r.username, r.realm.String(), r.password)
}

// signed builds a request with credentials.
func (r *raw) signed(method stun.Method, setters ...stun.Setter) []byte {
	r.t.Helper()
	all := append([]stun.Setter{stun.TransactionID, stun.NewType(method, stun.ClassRequest)}, setters...)
	all = append(all, stun.NewUsername(r.username), r.realm, r.nonce, r.key())
	return build(r.t, all...)
}

func (r *raw) send(data []byte) {
	r.t.Helper()
	if _, err := r.conn.Write(data); err != nil {
		r.t.Fatal(err)
	}
}

// receive returns the next message of the server; nil after the time given.
func (r *raw) receive(wait time.Duration) []byte {
	r.t.Helper()
	_ = r.conn.SetReadDeadline(time.Now().Add(wait))
	b := make([]byte, 2048)
	if _, ok := r.conn.LocalAddr().(*net.UDPAddr); ok {
		n, err := r.conn.Read(b)
		if err != nil {
			return nil
		}
		return b[:n]
	}
	if _, err := io.ReadFull(r.conn, b[:4]); err != nil {
		return nil
	}
	length := int(binary.BigEndian.Uint16(b[2:4])) + 4
	if b[0]&0xC0 == 0 {
		length += 16
	} else {
		length = (length + 3) &^ 3
	}
	if _, err := io.ReadFull(r.conn, b[4:length]); err != nil {
		return nil
	}
	return b[:length]
}

// exchange sends a request and returns the answer to it.
func (r *raw) exchange(data []byte) *stun.Message {
	r.t.Helper()
	r.send(data)
	for {
		answer := r.receive(10 * time.Second)
		if answer == nil {
			r.t.Fatalf("no answer to %x", data[:min(len(data), 20)])
		}
		m := new(stun.Message)
		if err := stun.Decode(answer, m); err != nil {
			continue // relayed data
		}
		if m.TransactionID == [stun.TransactionIDSize]byte(data[8:20]) {
			return m
		}
	}
}

// greet learns realm and nonce from a 401.
func (r *raw) greet() *raw {
	r.t.Helper()
	m := r.exchange(build(r.t, stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest), udpTransport))
	if codeOf(m) != 401 {
		r.t.Fatalf("greeted with %d", codeOf(m))
	}
	if r.nonce.GetFrom(m) != nil || r.realm.GetFrom(m) != nil {
		r.t.Fatalf("a 401 without nonce and realm: %v", m)
	}
	return r
}

// request sends a signed request and returns the code of its answer, 0 for
// success, and checks that the answer is signed.
func (r *raw) request(method stun.Method, setters ...stun.Setter) (int, *stun.Message) {
	r.t.Helper()
	m := r.exchange(r.signed(method, setters...))
	code := codeOf(m)
	if code != 401 && code != 438 && r.key().Check(m) != nil {
		r.t.Errorf("%s: answer %d is not signed", method, code)
	}
	if m.Contains(stun.AttrSoftware) {
		r.t.Errorf("%s: SOFTWARE only makes the packet longer", method)
	}
	return code, m
}

// allocate makes an allocation and returns its address.
func (r *raw) allocate(setters ...stun.Setter) netip.AddrPort {
	r.t.Helper()
	code, m := r.request(stun.MethodAllocate, append([]stun.Setter{udpTransport}, setters...)...)
	if code != 0 {
		r.t.Fatalf("allocating: %d", code)
	}
	var relayed stun.XORMappedAddress
	if err := relayed.GetFromAs(m, stun.AttrXORRelayedAddress); err != nil {
		r.t.Fatal(err)
	}
	return addrPortOf(&net.UDPAddr{IP: relayed.IP, Port: relayed.Port})
}

// sendTo is a Send indication.
func (r *raw) sendTo(peer netip.AddrPort, data string) {
	r.t.Helper()
	r.send(build(r.t, stun.TransactionID, stun.NewType(stun.MethodSend, stun.ClassIndication),
		peerAddress(peer), attribute(stun.AttrData, []byte(data)...)))
}

func codeOf(m *stun.Message) int {
	if m.Type.Class != stun.ClassErrorResponse {
		return 0
	}
	var code stun.ErrorCodeAttribute
	if code.GetFrom(m) != nil {
		return -1
	}
	return int(code.Code)
}

var (
	udpTransport = attribute(stun.AttrRequestedTransport, 17, 0, 0, 0)
	tcpTransport = attribute(stun.AttrRequestedTransport, 6, 0, 0, 0)
	family4      = attribute(stun.AttrRequestedAddressFamily, 1, 0, 0, 0)
	family6      = attribute(stun.AttrRequestedAddressFamily, 2, 0, 0, 0)
)

func channelNumber(n uint16) stun.Setter {
	return attribute(stun.AttrChannelNumber, byte(n>>8), byte(n), 0, 0)
}

func lifetime(seconds uint32) stun.Setter {
	return attribute(stun.AttrLifetime, binary.BigEndian.AppendUint32(nil, seconds)...)
}

// peerAddress is XOR-PEER-ADDRESS in exactly the form given: a mapped address
// stays one.
type peerAddress netip.AddrPort

func (p peerAddress) AddTo(m *stun.Message) error {
	at := netip.AddrPort(p)
	var mask [16]byte
	binary.BigEndian.PutUint32(mask[:], magicCookie)
	copy(mask[4:], m.TransactionID[:])
	address := at.Addr().AsSlice()
	for i := range address {
		address[i] ^= mask[i]
	}
	family := byte(1)
	if len(address) == 16 {
		family = 2
	}
	value := binary.BigEndian.AppendUint16([]byte{0, family}, at.Port()^magicCookie>>16)
	m.Add(stun.AttrXORPeerAddress, append(value, address...))
	return nil
}

func channelData(number uint16, data string) []byte {
	b := binary.BigEndian.AppendUint16(nil, number)
	b = binary.BigEndian.AppendUint16(b, uint16(len(data)))
	b = append(b, data...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func decoded(t testing.TB, nonce string) []byte {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
