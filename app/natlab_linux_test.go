package app

import (
	"encoding/json"
	"net/netip"
	"os"
	"slices"
	"testing"

	"godwit/nat"
	"godwit/netlab"
	"godwit/netlab/story"
)

// The program itself, as client and server in networks of the lab: the class is right, and a router that maps ports is seen.
func TestNATInTheLab(t *testing.T) {
	netlab.Require(t)
	lab := netlab.New(t)
	server := lab.AddHost("server", netlab.WithAddresses(2), netlab.WithIPv6())
	story.StartServer(t, server, server.Addr().String(), "--listen-stun", ":3478", "--listen-stun-alternate", ":3479", "--listen-shared", ":443")
	for _, kind := range []netlab.Kind{netlab.PortRestricted, netlab.Symmetric, netlab.UDPBlocked, netlab.TCP443Only} {
		t.Run(kind.String(), func(t *testing.T) {
			h := lab.AddNAT(kind.String(), kind).AddHost("host " + kind.String())
			got := natIn(t, h, server.Addr().String())
			want := map[netlab.Kind]string{netlab.PortRestricted: "port-restricted-cone", netlab.Symmetric: "symmetric"}[kind]
			if want == "" {
				want = "udp-blocked"
			}
			if got.Class != want || got.IPv4 != "yes" || got.IPv6 != "no" {
				t.Errorf("%+v", got)
			}
		})
	}
	t.Run("port mapping", func(t *testing.T) {
		netlab.RequirePortMapping(t)
		box := lab.AddNAT("mapping", netlab.Symmetric, netlab.WithPortMapping(netlab.PortMapping{NATPMP: true, UPnP: true}))
		got := natIn(t, box.AddHost("mapped"), server.Addr().String())
		if got.Class != "symmetric" || !slices.Contains(got.PortMapping, "pcp") || !slices.Contains(got.PortMapping, "nat-pmp") || got.CarrierNAT != "no" {
			t.Errorf("%+v", got)
		}
		for _, row := range got.Outlook {
			if row.With == "symmetric" && (row.Way != "direct" || row.Reason != "mapped") {
				t.Errorf("with a mapped port: %+v", row)
			}
		}
	})
	t.Run("home behind a carrier", func(t *testing.T) {
		netlab.RequirePortMapping(t)
		carrier := lab.AddNAT("carrier", netlab.PortRestricted)
		home := carrier.AddNAT("home", netlab.PortRestricted, netlab.WithPortMapping(netlab.PortMapping{UPnP: true, NATPMP: true}))
		if got := natIn(t, home.AddHost("flat"), server.Addr().String()); got.Class != "port-restricted-cone" || got.CarrierNAT == "no" {
			t.Errorf("%+v", got)
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		h := lab.AddHost("alone")
		out, err := h.Command(t.Context(), story.Binary(t), "nat", "--json", "--server", netip.AddrPortFrom(netip.MustParseAddr("27.1.250.9"), nat.DefaultPort).String()).Output()
		var got natJSON
		if err == nil || json.Unmarshal(out, &got) != nil || got.Class != "unknown" {
			t.Errorf("%v: %s", err, out)
		}
	})
}

// natIn runs the command on a host, and shows what people see where the test is verbose.
func natIn(t *testing.T, h *netlab.Host, server string) natJSON {
	t.Helper()
	out, err := h.Command(t.Context(), story.Binary(t), "nat", "--json", "--server", server).Output()
	if err != nil {
		t.Fatal(err)
	}
	var got natJSON
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	if testing.Verbose() {
		cmd := h.Command(t.Context(), story.Binary(t), "nat", "--server", server)
		cmd.Env = append(os.Environ(), "LC_ALL=en")
		text, _ := cmd.CombinedOutput()
		t.Logf("\n%s%s", text, out)
	}
	return got
}
