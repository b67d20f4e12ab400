package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"godwit/nat"
	"godwit/nat/outlook"
	"godwit/nat/portmap"
	"godwit/xep/reach"
)

// The whole command against the program's own server, on this machine, where there is no NAT.
func TestNATCommand(t *testing.T) {
	s := serve(t, t.TempDir(), "--listen-stun", "127.0.0.1:0", "--listen-stun-alternate", "127.0.0.1:0")
	var server string
	for _, line := range s.lines {
		if f := strings.Fields(line); len(f) == 3 && f[1] == "stun" {
			server = f[2]
		}
	}
	call(t, "", "nat", "--server", server, "--lang", "en").must(t, exitOK, "You are not behind a NAT", "no translation", "yes, outside 127.0.0.1", server)
	call(t, "", "nat", "--server", server, "--lang", "zh-CN").must(t, exitOK, "你不在 NAT 之后", "无转换")
	r := call(t, "", "nat", "--json", "--server", server).must(t, exitOK)
	var got natJSON
	if err := json.Unmarshal([]byte(r.out), &got); err != nil || strings.Count(r.out, "\n") != 1 {
		t.Fatalf("%v in %q", err, r.out)
	}
	if got.Class != "unknown" || got.Mapping != "none" || got.Filtering != "at-most-address-dependent" || got.CarrierNAT != "no" ||
		got.PublicIPv4 != "127.0.0.1" || got.ServerShows != "plain" && got.ServerShows != "two-ports" || len(got.Outlook) < 6 {
		t.Errorf("%+v", got)
	}
}

func TestNATWithoutAServer(t *testing.T) {
	call(t, "", "nat").must(t, exitUsage, "--server HOST")
	call(t, "", "nat", "bob").must(t, exitUsage, "looks like alice@localhost")
	call(t, "", "nat", "--server", "a b").must(t, exitUsage, "HOST or HOST:PORT")
	call(t, "", "nat", "--server", "localhost:0").must(t, exitUsage, "not a port")
	call(t, "", "nat", "--server", "localhost", "--lang", "fr").must(t, exitUsage, "en or zh-CN")
	call(t, "", "nat", "--server", "nowhere.invalid").must(t, exitFailed, "nowhere.invalid has no address")
}

// natExample is what a discovery of a network found.
func natExample(class reach.Class, mapping, filtering reach.Behaviour, change ...func(*nat.Report)) nat.Report {
	r := nat.Report{Took: 640 * time.Millisecond}
	r.IPv4 = nat.Family{State: nat.Answered, Vantage: nat.TwoAddresses, Server: netip.MustParseAddrPort("198.51.100.1:3478"),
		Local: netip.MustParseAddrPort("192.168.1.2:40000"), Public: netip.MustParseAddrPort("203.0.113.7:40000"),
		Class: class, Mapping: mapping, Filtering: filtering, PortPreserved: reach.Yes, RoundTrip: 81 * time.Millisecond,
		Allocation: nat.Allocation{Pattern: nat.Preserved}}
	r.IPv6.State = nat.NoRoute
	r.Reach = reach.Reach{Class: class, Mapping: mapping, Filtering: filtering, PortPreserved: reach.Yes, IPv4: reach.Yes, IPv6: reach.No}
	for _, f := range change {
		f(&r)
	}
	return r
}

func TestNATView(t *testing.T) {
	nmp := routerFacts{asked: true, protocols: []portmap.Protocol{portmap.PCP, portmap.NATPMP}}
	for _, tt := range []struct {
		why    string
		report nat.Report
		facts  routerFacts
		want   []string
		not    []string
	}{
		{"a home router", natExample(reach.PortRestricted, reach.EndpointIndependent, reach.AddressPortDependent), routerFacts{asked: true},
			[]string{"You are behind a port-restricted cone NAT.\nIt lets in the very address", "none; the router answers neither", "direct after guessing ports  symmetric\n",
				"through the relay            UDP blocked\n", "- switch on UPnP", "Asked example.org (198.51.100.1:3478), 81 ms away, in 0.6 s."}, []string{"Not certain"}},
		{"a home router that maps ports", natExample(reach.PortRestricted, reach.EndpointIndependent, reach.AddressPortDependent), nmp,
			[]string{"PCP, NAT-PMP; your client asks it for a port"}, []string{"guessing", "What would help", "switch on"}},
		{"… behind the provider's NAT", natExample(reach.PortRestricted, reach.EndpointIndependent, reach.AddressPortDependent,
			func(r *nat.Report) { r.Reach.Carrier = reach.Yes }), nmp,
			[]string{"Carrier NAT   yes", "behind the carrier's NAT it is no use", "guessing", "- ask the provider for a public IPv4 address"}, []string{"switch on UPnP"}},
		{"one server address", natExample("", reach.AtMostAddress, reach.AddressPortDependent, func(r *nat.Report) {
			r.Doubts = []nat.Doubt{{About: nat.AboutMapping, Why: nat.OneAddress}, {About: nat.AboutFiltering, Why: nat.OneAddress}}
		}), routerFacts{}, []string{"probably a port-restricted cone", "- Mapping, Filtering: the server has one address"}, nil},
		{"sequential ports", natExample(reach.Symmetric, reach.AddressPortDependent, reach.AddressPortDependent, func(r *nat.Report) {
			r.IPv4.Allocation = nat.Allocation{Pattern: nat.Sequential, Step: 2}
		}), routerFacts{}, []string{"one after the other, +2 each"}, nil},
		{"blocked", natExample(reach.Blocked, "", "", func(r *nat.Report) {
			r.IPv4 = nat.Family{State: nat.Silent, Class: reach.Blocked}
			r.TCP = nat.TCPAlive
			r.Doubts = []nat.Doubt{{About: nat.AboutUDP, Why: nat.ServerUnproven}}
		}), routerFacts{}, []string{"lets no UDP through", "TCP   works", "- let UDP out", "Not certain", "nothing shows that it"}, []string{"Mapping"}},
		{"with IPv6", natExample(reach.Symmetric, reach.AddressPortDependent, reach.AddressPortDependent, func(r *nat.Report) {
			r.Reach.IPv6 = reach.Yes
		}), routerFacts{}, []string{"everybody with IPv6, open"}, []string{"switch IPv6 on"}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			var b bytes.Buffer
			if err := newNATView(tt.report, tt.facts, "example.org", outlook.English).write(&b, 0); err != nil {
				t.Fatal(err)
			}
			for _, w := range tt.want {
				if !strings.Contains(b.String(), w) {
					t.Errorf("no %q in\n%s", w, b.String())
				}
			}
			for _, w := range tt.not {
				if strings.Contains(b.String(), w) {
					t.Errorf("%q in\n%s", w, b.String())
				}
			}
			for _, width := range []int{0, 40, 80} {
				for _, lang := range []outlook.Lang{outlook.English, outlook.Chinese} {
					var b bytes.Buffer
					if err := newNATView(tt.report, tt.facts, "example.org", lang).write(&b, width); err != nil {
						t.Fatal(err)
					}
					for line := range strings.Lines(b.String()) {
						if w := displayWidth(strings.TrimSuffix(line, "\n")); width > 0 && w > width {
							t.Errorf("%d columns of %d: %s", w, width, line)
						}
					}
				}
			}
		})
	}
}

// Nothing that can be found lacks words in either language.
func TestNATWords(t *testing.T) {
	for _, why := range []nat.Why{nat.PlainServer, nat.OneAddress, nat.OtherSilent, nat.ChangeIgnored, nat.Refused, nat.Unstable, nat.HeavyLoss,
		nat.LocalUnknown, nat.NothingAnswers, nat.ServerUnproven, nat.NoServer, nat.FamilySilent, nat.RouterSilent} {
		if p := natWhy[why]; p[0] == "" || p[1] == "" {
			t.Errorf("no words for %q", why)
		}
	}
	for _, about := range []nat.Subject{nat.AboutMapping, nat.AboutFiltering, nat.AboutUDP, nat.AboutIPv4, nat.AboutIPv6, nat.AboutCarrier} {
		if p := natAbout[about]; p[0] == "" || p[1] == "" {
			t.Errorf("no words for %q", about)
		}
	}
	for _, class := range append([]reach.Class{reach.Firewall}, outlook.Peers...) {
		if p := natTitles[class]; p[0] == "" || p[1] == "" {
			t.Errorf("no words for %q", class)
		}
	}
}

func TestNATParagraph(t *testing.T) {
	for _, tt := range []struct {
		text string
		want string
	}{
		{"", ">\n"},
		{"one two", "> one two\n"},
		{"one two three four", "> one two\n  three\n  four\n"},
		{"averyverylongword x", "> averyverylongword\n  x\n"},
		{"一二三四五六七", "> 一二三四\n  五六七\n"},
		{"一二三四。", "> 一二三\n  四。\n"},
		{"用 UPnP 吧", "> 用 UPnP\n  吧\n"},
	} {
		if got := natParagraph(tt.text, 11, "> ", "  "); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.text, got, tt.want)
		}
	}
}

// Two routers that say different things: what they speak is told once each, and an outside address that one tells is enough.
func TestRouterFacts(t *testing.T) {
	home := portmap.Router{Gateway: netip.MustParseAddr("192.168.1.1")}
	six := portmap.Router{Gateway: netip.MustParseAddr("fe80::1%eth0")}
	outside := netip.MustParseAddr("203.0.113.7")
	var f routerFacts
	f.take([]portmap.Answer{
		{Router: home, Protocol: portmap.PCP, Err: portmap.ErrNoAnswer},
		{Router: home, Protocol: portmap.NATPMP, External: outside},
		{Router: home, Protocol: portmap.UPnP},
		{Router: home, Protocol: portmap.UPnP, External: netip.MustParseAddr("203.0.113.8")},
		{Router: six, Protocol: portmap.PCP},
	})
	if fmt.Sprint(f.protocols) != "[nat-pmp upnp]" || f.external != outside {
		t.Errorf("%+v", f)
	}
}
