package portmap

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"
)

var gateway = Router{
	Gateway: netip.MustParseAddr("192.168.1.1"), Local: netip.MustParseAddr("192.168.1.2"), Subnet: netip.MustParsePrefix("192.168.1.0/24"),
}

func FuzzPCP(f *testing.F) {
	request := pcpMapRequest(nonce{1, 2, 3}, time.Hour, gateway.Local, inside, netip.AddrPortFrom(outside, 7))
	answer := append([]byte(nil), request...)
	answer[1] |= response
	f.Add(answer)
	f.Add(answer[:30])
	f.Add([]byte{0, 0x81, 0, 1, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := parsePCP(b)
		if err != nil {
			return
		}
		if a.opcode == pcpMap && a.result == 0 && !a.external.Addr().IsValid() {
			t.Errorf("%+v", a)
		}
		_ = checkGrant(gateway, grant{external: a.external})
	})
}

func FuzzPMP(f *testing.F) {
	f.Add([]byte{0, 0x80, 0, 0, 0, 0, 0, 1, 27, 1, 2, 1})
	f.Add([]byte{0, 0x81, 0, 0, 0, 0, 0, 1, 0xa1, 0x12, 0xa1, 0x12, 0, 0, 0x0e, 0x10})
	f.Add([]byte{0, 0x81, 0, 3})
	f.Add([]byte{2, 0x81, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := parsePMP(b)
		if err == nil && a.result == 0 && a.opcode == pmpExternal && !a.address.Is4() {
			t.Errorf("%+v", a)
		}
	})
}

func FuzzFound(f *testing.F) {
	f.Add("HTTP/1.1 200 OK\r\nST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\nLOCATION: http://192.168.1.1:5000/root.xml\r\n\r\n")
	f.Add("HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nLOCATION: http://192.168.1.9:5000/root.xml\r\n\r\n")
	f.Add("HTTP/1.1 200 OK\r\nST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\nLOCATION: http://192.168.1.9:5000/root.xml\r\n\r\n")
	f.Add("NOTIFY * HTTP/1.1\r\nLOCATION: http://evil.example/\r\n\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		from := &net.UDPAddr{IP: net.IPv4(192, 168, 1, 1), Port: 1900}
		d, err := parseFound([]byte(text), from, gateway)
		if err != nil {
			return
		}
		if host := d.location.Hostname(); host != "192.168.1.1" || d.host != gateway.Gateway {
			t.Errorf("led to %q", host)
		}
	})
}

func FuzzDestination(f *testing.F) {
	f.Add("http", "192.168.1.1:80")
	f.Add("http", "[::ffff:192.168.1.1]:80")
	f.Add("http", "0x7f.1")
	f.Fuzz(func(t *testing.T, scheme, host string) {
		to, err := destination(&url.URL{Scheme: scheme, Host: host})
		if err == nil && (!to.IsValid() || to.Port() == 0 || to.Addr().Is4In6()) {
			t.Errorf("%v", to)
		}
	})
}

// TestAllowed: who may be talked to.
func TestAllowed(t *testing.T) {
	for text, want := range map[string]bool{
		"192.168.1.1": true, "192.168.1.77": true, "192.168.1.2": false, "192.168.2.1": false, "127.0.0.1": false, "8.8.8.8": false,
		"::1": false, "::ffff:192.168.1.1": false, "fe80::1": false, "0.0.0.0": false,
	} {
		if got := allowed(gateway, netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestAddresses(t *testing.T) {
	for text, want := range map[string][2]bool{ // possible, public
		"27.1.2.1": {true, true}, "2a00:1::1": {true, true}, "10.1.2.3": {true, false}, "192.168.0.1": {true, false}, "172.16.0.1": {true, false},
		"100.64.0.1": {true, false}, "100.128.0.1": {true, true}, "198.18.0.1": {true, false}, "fd00::1": {true, false},
		"0.0.0.0": {}, "0.1.2.3": {}, "127.0.0.1": {}, "169.254.1.1": {}, "224.0.0.1": {}, "255.255.255.255": {}, "240.0.0.1": {}, "203.0.113.1": {},
		"::": {}, "::1": {}, "fe80::1": {}, "ff02::1": {}, "::ffff:27.1.2.1": {}, "2001:db8::1": {},
	} {
		a := netip.MustParseAddr(text)
		if got := [2]bool{possible(a), public(a)}; got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

func TestEpoch(t *testing.T) {
	start := time.Now()
	for name, c := range map[string]struct {
		before, after uint32
		passed        time.Duration
		kept          bool
	}{
		"as it should be":       {1000, 1600, 10 * time.Minute, true},
		"a second back":         {1000, 999, time.Second, true},
		"started again":         {1000, 5, 10 * time.Minute, false},
		"a slow clock":          {1000, 1570, 10 * time.Minute, true},
		"a clock that stood":    {1000, 1100, 10 * time.Minute, false},
		"a clock that was set":  {1000, 90000, 10 * time.Minute, false},
		"started again, longer": {1000, 1100, time.Hour, false},
	} {
		var e epoch
		if !e.advance(c.before, start) {
			t.Errorf("%s: the first value is none to compare with", name)
		}
		if got := e.advance(c.after, start.Add(c.passed)); got != c.kept {
			t.Errorf("%s: kept %v", name, got)
		}
	}
}

func TestPrintable(t *testing.T) {
	if got := printable("", "\x1b[31m no \u202e", "x"); got != "[31m no" {
		t.Errorf("%q", got)
	}
	if got := printable(strings.Repeat("x", 1000)); len(got) != 80 {
		t.Errorf("%d bytes", len(got))
	}
}
