package nat

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/pion/stun/v4"
)

// response builds an answer as a server would.
func response(kind stun.MessageType, setters ...stun.Setter) []byte {
	m := stun.New()
	m.Type = kind
	copy(m.TransactionID[:], "abcdefghijkl")
	m.WriteHeader()
	for _, s := range setters {
		if err := s.AddTo(m); err != nil {
			panic(err)
		}
	}
	return bytes.Clone(m.Raw)
}

func TestParseAnswer(t *testing.T) {
	mapped := &stun.XORMappedAddress{IP: []byte{203, 0, 113, 7}, Port: 5000}
	plain := &stun.MappedAddress{IP: []byte{203, 0, 113, 8}, Port: 5001}
	other := &stun.OtherAddress{IP: []byte{203, 0, 113, 9}, Port: 3479}
	wrong := response(stun.BindingSuccess, mapped, stun.Fingerprint)
	wrong[len(wrong)-1] ^= 1
	for _, tt := range []struct {
		why    string
		data   []byte
		ok     bool
		mapped string
		other  string
		code   int
	}{
		{"success", response(stun.BindingSuccess, mapped, stun.Fingerprint), true, "203.0.113.7:5000", "", 0},
		{"without fingerprint", response(stun.BindingSuccess, mapped), true, "203.0.113.7:5000", "", 0},
		{"with OTHER-ADDRESS", response(stun.BindingSuccess, mapped, other), true, "203.0.113.7:5000", "203.0.113.9:3479", 0},
		{"of RFC 3489", response(stun.BindingSuccess, plain), true, "203.0.113.8:5001", "", 0},
		{"both: the masked one counts, whatever the order", response(stun.BindingSuccess, plain, mapped), true, "203.0.113.7:5000", "", 0},
		{"IPv4 in IPv6", response(stun.BindingSuccess, &stun.XORMappedAddress{IP: netip.MustParseAddr("::ffff:203.0.113.7").AsSlice(), Port: 1}), true, "203.0.113.7:1", "", 0},
		{"an error", response(stun.BindingError, stun.ErrorCodeAttribute{Code: stun.CodeUnknownAttribute}), true, "", "", 420},
		{"an error without code", response(stun.BindingError), false, "", "", 0},
		{"a wrong fingerprint", wrong, false, "", "", 0},
		{"no address", response(stun.BindingSuccess), false, "", "", 0},
		{"port 0", response(stun.BindingSuccess, &stun.XORMappedAddress{IP: []byte{203, 0, 113, 7}}), false, "", "", 0},
		{"the unspecified address", response(stun.BindingSuccess, &stun.XORMappedAddress{IP: []byte{0, 0, 0, 0}, Port: 1}), false, "", "", 0},
		{"a request", response(stun.BindingRequest, mapped), false, "", "", 0},
		{"another method", response(stun.MessageType{Method: stun.MethodAllocate, Class: stun.ClassSuccessResponse}, mapped), false, "", "", 0},
		{"cut off", response(stun.BindingSuccess, mapped)[:25], false, "", "", 0},
		{"nothing", nil, false, "", "", 0},
		{"too long", append(response(stun.BindingSuccess, mapped), make([]byte, maxAnswer)...), false, "", "", 0},
	} {
		a, ok := parseAnswer(tt.data)
		if ok != tt.ok {
			t.Errorf("%s: %v", tt.why, ok)
			continue
		}
		show := func(a netip.AddrPort) string {
			if a.IsValid() {
				return a.String()
			}
			return ""
		}
		if ok && (string(a.id[:]) != "abcdefghijkl" || show(a.mapped) != tt.mapped || show(a.other) != tt.other || a.code != tt.code) {
			t.Errorf("%s: %+v", tt.why, a)
		}
	}
}

func TestRequest(t *testing.T) {
	m := stun.New()
	if _, err := m.Write(request(transaction{7}, changeBoth)); err != nil || stun.Fingerprint.Check(m) != nil || m.Type != stun.BindingRequest || m.TransactionID[0] != 7 {
		t.Fatalf("%v, %v", m, err)
	}
	if v, err := m.Get(stun.AttrChangeRequest); err != nil || binary.BigEndian.Uint32(v) != 6 {
		t.Errorf("CHANGE-REQUEST %v, %v", v, err)
	}
	if data := request(transaction{7}, asIs); len(data) != 28 {
		t.Errorf("a plain request has %d bytes", len(data))
	}
}

// FuzzAnswer gives the parser whatever comes from the network.
func FuzzAnswer(f *testing.F) {
	mapped := &stun.XORMappedAddress{IP: []byte{203, 0, 113, 7}, Port: 5000}
	f.Add(response(stun.BindingSuccess, mapped, &stun.OtherAddress{IP: []byte{203, 0, 113, 9}, Port: 3479}, stun.Fingerprint))
	f.Add(response(stun.BindingSuccess, &stun.MappedAddress{IP: netip.MustParseAddr("2001:db8::1").AsSlice(), Port: 5001}))
	f.Add(response(stun.BindingError, stun.ErrorCodeAttribute{Code: stun.CodeUnknownAttribute}, stun.UnknownAttributes{stun.AttrChangeRequest}))
	f.Add(request(transaction{1}, changePort))
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		a, ok := parseAnswer(data)
		if !bytes.Equal(before, data) {
			t.Fatal("the input was changed")
		}
		if ok && a.mapped.IsValid() == (a.code != 0) {
			t.Fatalf("%+v is neither success nor error", a)
		}
		for _, at := range []netip.AddrPort{a.mapped, a.other} {
			if at.IsValid() && (at.Port() == 0 || at.Addr().Is4In6() || at.Addr().IsUnspecified() || at.Addr().IsMulticast()) {
				t.Fatalf("%v is no address to send to", at)
			}
		}
	})
}

// FuzzStrangers gives a prober in the middle of its work packets from anywhere:
// it ends in time whatever they are.
func FuzzStrangers(f *testing.F) {
	f.Add(uint64(1), response(stun.BindingSuccess, &stun.XORMappedAddress{IP: []byte{203, 0, 113, 7}, Port: 5000}))
	f.Add(uint64(2), []byte("hello"))
	f.Fuzz(func(t *testing.T, seed uint64, data []byte) {
		s := &sim{rng: rand.New(rand.NewPCG(seed, 1)), nat: natModel{filtering: 2, preserve: true}, server: simServer, stranger: data}
		_, e, _ := s.run([]netip.AddrPort{simPrimary})
		if f, _ := conclude(e); f.Class != "port-restricted-cone" {
			t.Fatalf("%q", f.Class)
		}
	})
}
