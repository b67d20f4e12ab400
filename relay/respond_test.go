package relay

import (
	"bytes"
	"net"
	"net/netip"
	"testing"

	"github.com/pion/stun/v4"
)

var client4 = netip.MustParseAddrPort("192.0.2.7:40123")

func build(t testing.TB, setters ...stun.Setter) []byte {
	t.Helper()
	m, err := stun.Build(setters...)
	if err != nil {
		t.Fatal(err)
	}
	return m.Raw
}

func attribute(t stun.AttrType, value ...byte) stun.Setter {
	return stun.RawAttribute{Type: t, Value: value}
}

func TestRespond(t *testing.T) {
	request := func(setters ...stun.Setter) []byte {
		return build(t, append([]stun.Setter{stun.TransactionID, stun.BindingRequest}, setters...)...)
	}
	brokenFingerprint := request(stun.Fingerprint)
	brokenFingerprint[len(brokenFingerprint)-1] ^= 1
	misplaced := request(stun.Fingerprint, stun.NewSoftware("x"))
	wrongCookie := request()
	wrongCookie[4] ^= 1
	tests := []struct {
		why     string
		data    []byte
		verdict verdict
		unknown []stun.AttrType
	}{
		{"a bare request is what most clients send", request(), verdictAnswered, nil},
		{"optional attributes such as SOFTWARE may be ignored (§14)", request(stun.NewSoftware("client")), verdictAnswered, nil},
		{"FINGERPRINT that fits is answered", request(stun.Fingerprint), verdictAnswered, nil},
		{"FINGERPRINT that does not fit is dropped (§6.3)", brokenFingerprint, verdictMalformed, nil},
		{"FINGERPRINT must be last (§14.7)", misplaced, verdictMalformed, nil},
		{"authentication attributes are understood and not needed", request(stun.NewUsername("u"), stun.NewShortTermIntegrity("p")), verdictAnswered, nil},
		{"CHANGE-REQUEST is refused, so that RFC 5780 clients know", request(attribute(0x0003, 0, 0, 0, 6)), verdictRefused, []stun.AttrType{0x0003}},
		{"unknown required attributes are named once each (§6.3.1)",
			request(attribute(0x7001), attribute(0x7002, 1), attribute(0x7001)), verdictRefused, []stun.AttrType{0x7001, 0x7002}},
		{"an indication gets no answer (§6.3.2)", build(t, stun.TransactionID, stun.NewType(stun.MethodBinding, stun.ClassIndication)), verdictIgnored, nil},
		{"a response was never asked for", build(t, stun.TransactionID, stun.BindingSuccess), verdictIgnored, nil},
		{"TURN is not served here yet: silence, not an error an attacker could reflect",
			build(t, stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest)), verdictIgnored, nil},
		{"RFC 3489 without the cookie is not supported", wrongCookie, verdictMalformed, nil},
		{"nothing", nil, verdictMalformed, nil},
		{"truncated header", request()[:19], verdictMalformed, nil},
		{"length beyond the data", request(stun.NewSoftware("client"))[:24], verdictMalformed, nil},
		{"data beyond the length", append(request(), 0, 0, 0, 0), verdictMalformed, nil},
		{"longer than any request needs", request(attribute(0x8000, make([]byte, maxMessage)...)), verdictMalformed, nil},
	}
	for _, test := range tests {
		t.Run(test.why, func(t *testing.T) {
			var r responder
			input := bytes.Clone(test.data)
			raw, outcome := r.respond(test.data, client4)
			if outcome != test.verdict {
				t.Fatalf("verdict %d, want %d", outcome, test.verdict)
			}
			if !bytes.Equal(input, test.data) {
				t.Error("the request was modified")
			}
			if (raw != nil) != (outcome == verdictAnswered || outcome == verdictRefused) {
				t.Fatalf("verdict %d with answer %x", outcome, raw)
			}
			if raw == nil {
				return
			}
			checkAnswer(t, test.data, raw, client4, test.unknown)
		})
	}
}

func checkAnswer(t testing.TB, request, answer []byte, from netip.AddrPort, unknown []stun.AttrType) {
	t.Helper()
	var asked, got stun.Message
	if err := stun.Decode(request, &asked); err != nil {
		t.Fatal(err)
	}
	if err := stun.Decode(answer, &got); err != nil {
		t.Fatalf("our own answer does not parse: %v", err)
	}
	if got.TransactionID != asked.TransactionID {
		t.Error("another transaction id")
	}
	if got.Contains(stun.AttrSoftware) {
		t.Error("SOFTWARE only makes the packet longer")
	}
	if asked.Contains(stun.AttrFingerprint) != got.Contains(stun.AttrFingerprint) {
		t.Error("FINGERPRINT is mirrored")
	}
	if got.Contains(stun.AttrFingerprint) && stun.Fingerprint.Check(&got) != nil {
		t.Error("our FINGERPRINT is wrong")
	}
	if len(answer) > len(request)+32 {
		t.Errorf("%d bytes for %d: worth reflecting", len(answer), len(request))
	}
	if got.Type == stun.BindingError {
		var code stun.ErrorCodeAttribute
		if err := code.GetFrom(&got); err != nil || code.Code != stun.CodeUnknownAttribute {
			t.Errorf("code %v, %v", code, err)
		}
		var named stun.UnknownAttributes
		if err := named.GetFrom(&got); err != nil {
			t.Fatal(err)
		}
		if unknown != nil && !equal(named, unknown) {
			t.Errorf("named %v, want %v", named, unknown)
		}
		return
	}
	var mapped stun.XORMappedAddress
	if err := mapped.GetFrom(&got); err != nil {
		t.Fatal(err)
	}
	if !mapped.IP.Equal(net.IP(from.Addr().AsSlice())) || mapped.Port != int(from.Port()) {
		t.Errorf("mapped %v, want %v", mapped, from)
	}
}

func equal(a, b []stun.AttrType) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestRespondMapsEveryAddressForm(t *testing.T) {
	request := build(t, stun.TransactionID, stun.BindingRequest)
	for _, text := range []string{"192.0.2.1:1", "[2001:db8::1]:65535", "[::ffff:192.0.2.1]:80", "[fe80::1%eth0]:7"} {
		var r responder
		from := netip.MustParseAddrPort(text)
		answer, _ := r.respond(request, from)
		checkAnswer(t, request, answer, from, nil)
	}
}

func FuzzRespond(f *testing.F) {
	f.Add(build(f, stun.TransactionID, stun.BindingRequest, stun.Fingerprint))
	f.Add(build(f, stun.TransactionID, stun.BindingRequest, attribute(0x7001, 1, 2, 3), stun.NewUsername("a:b")))
	f.Add(build(f, stun.TransactionID, stun.NewType(stun.MethodAllocate, stun.ClassRequest), stun.NewShortTermIntegrity("p")))
	f.Add([]byte{0, 1, 0, 4, 0x21, 0x12, 0xA4, 0x42})
	var r responder // reused, as the server does: nothing may leak from one message into the next
	f.Fuzz(func(t *testing.T, data []byte) {
		answer, _ := r.respond(data, client4)
		if answer == nil {
			return
		}
		checkAnswer(t, data, answer, client4, nil)
		var fresh responder
		again, _ := fresh.respond(data, client4)
		if !bytes.Equal(answer, again) {
			t.Fatal("the answer depends on earlier messages")
		}
	})
}

func BenchmarkRespond(b *testing.B) {
	request := build(b, stun.TransactionID, stun.BindingRequest, stun.Fingerprint)
	var r responder
	b.ReportAllocs()
	for b.Loop() {
		if answer, _ := r.respond(request, client4); answer == nil {
			b.Fatal("no answer")
		}
	}
}
