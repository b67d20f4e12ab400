//go:build linux

package netlab

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// askGateway asks for the outside UDP port of an inside one by NAT-PMP
// or by PCP, and tells it; ok is false if nothing answers.
func askGateway(t *testing.T, h *Host, gateway netip.Addr, port uint16, pcp bool) (outside uint16, ok bool) {
	t.Helper()
	c, err := h.Dial(t.Context(), "udp4", netip.AddrPortFrom(gateway, 5351).String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	request := binary.BigEndian.AppendUint16([]byte{0, 1, 0, 0}, port)
	request = binary.BigEndian.AppendUint16(request, port)
	request = binary.BigEndian.AppendUint32(request, 600)
	if pcp {
		client := netip.AddrFrom16(h.Addr().As16()).As16()
		any4 := netip.AddrFrom16(netip.IPv4Unspecified().As16()).As16()
		request = append([]byte{2, 1, 0, 0, 0, 0, 2, 88}, client[:]...)
		request = append(request, "twelve bytes"...)
		request = append(request, 17, 0, 0, 0)
		request = binary.BigEndian.AppendUint16(request, port)
		request = binary.BigEndian.AppendUint16(request, port)
		request = append(request, any4[:]...)
	}
	buf := make([]byte, 1100)
	for range 5 {
		if _, err := c.Write(request); err != nil {
			return 0, false // refused
		}
		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		n, err := c.Read(buf)
		switch {
		case err != nil:
			continue
		case pcp && n >= 60:
			return binary.BigEndian.Uint16(buf[42:]), buf[3] == 0
		case !pcp && n >= 16:
			return binary.BigEndian.Uint16(buf[10:]), binary.BigEndian.Uint16(buf[2:]) == 0
		}
	}
	return 0, false
}

// A port that was asked for lets strangers in, also through a symmetric NAT, and
// is what they see in answers.
func TestPortMapping(t *testing.T) {
	RequirePortMapping(t)
	for _, c := range []struct {
		kind Kind
		pcp  bool
	}{{Symmetric, false}, {Symmetric, true}, {PortRestricted, false}, {EIMNoPreserve, true}} {
		t.Run(c.kind.String()+map[bool]string{false: " NAT-PMP", true: " PCP"}[c.pcp], func(t *testing.T) {
			t.Parallel()
			lab := New(t)
			server := lab.AddHost("server", WithAddresses(2))
			e := startEcho(t, server)
			home := lab.AddNAT("home", c.kind, WithPortMapping(PortMapping{NATPMP: true}))
			host := home.AddHost("host")
			a := askFrom(t, host, e, 0)
			gateway := addresses(home.LAN(), lanGateway, 1)[0]
			outside, ok := askGateway(t, host, gateway, a.port(), c.pcp)
			if !ok {
				t.Fatal("no port was given")
			}
			at := netip.AddrPortFrom(home.Addr(), outside)
			for range 2 {
				stranger := openUDP(t, server)
				say(t, stranger, "hello", at)
				got, from := next(t, a.c)
				if got != "hello" || from.Addr() != server.Addr() {
					t.Fatalf("got %q from %v", got, from)
				}
				say(t, a.c, "answer", from)
				if got, from := next(t, stranger); got != "answer" || from != at {
					t.Errorf("got %q from %v, the port is %v", got, from, at)
				}
				home.Rebind() // which what was asked for survives
			}
			home.ForgetPorts()
			home.Rebind()
			_, _ = e.sockets[otherBoth].WriteToUDPAddrPort([]byte(`{"From":99}`), at)
			for range 4 {
				a.send(0, 0)
				if got := a.read(); got.From != 0 {
					t.Fatalf("the port is still open: %+v", got)
				}
			}
			if _, ok := askGateway(t, host, gateway, a.port(), c.pcp); !ok {
				t.Error("the daemon did not come back")
			}
		})
	}
}

// A router speaks only what it was made with.
func TestPortMappingProtocols(t *testing.T) {
	RequirePortMapping(t)
	for _, m := range []PortMapping{{NATPMP: true}, {UPnP: true}, {NATPMP: true, UPnP: true}} {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			lab := New(t)
			home := lab.AddNAT("home", PortRestricted, WithPortMapping(m))
			host := home.AddHost("host")
			gateway := addresses(home.LAN(), lanGateway, 1)[0]
			if _, ok := askGateway(t, host, gateway, 40000, false); ok != m.NATPMP {
				t.Errorf("%+v: NAT-PMP answers: %v", m, ok)
			}
			if got := findIGD(t, host); got != m.UPnP {
				t.Errorf("%+v: UPnP found: %v", m, got)
			}
		})
	}
}

// findIGD looks for a router by SSDP and reads its description.
func findIGD(t *testing.T, h *Host) bool {
	t.Helper()
	c := openUDP(t, h)
	search := "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n\r\n"
	buf := make([]byte, 2048)
	for range 4 {
		if _, err := c.WriteTo([]byte(search), &net.UDPAddr{IP: net.IPv4(239, 255, 255, 250), Port: 1900}); err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
		n, err := c.Read(buf)
		if err != nil {
			continue
		}
		_, location, _ := strings.Cut(strings.ToUpper(string(buf[:n])), "LOCATION: ")
		location, _, _ = strings.Cut(location, "\r\n")
		i := bytes.Index(bytes.ToUpper(buf[:n]), []byte(location))
		url := string(buf[i : i+len(location)])
		transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) { return h.Dial(ctx, network, addr) }}
		defer transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			t.Fatalf("location %q: %v", url, err)
		}
		resp, err := (&http.Client{Transport: transport}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		return resp.StatusCode == http.StatusOK
	}
	return false
}
