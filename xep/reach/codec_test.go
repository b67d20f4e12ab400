package reach_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"godwit/xep/internal/codectest"
	"godwit/xep/reach"
	"godwit/xmlstream"
)

const ns = ` xmlns='urn:godwit:reach:0'`

func TestReach(t *testing.T) {
	type row = codectest.Row[reach.Reach]
	codectest.Options = append(codectest.Options, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }))
	at := func(s ...string) (out []netip.AddrPort) {
		for _, a := range s {
			out = append(out, netip.MustParseAddrPort(a))
		}
		return out
	}
	codectest.Table(t, reach.Parse,
		row{Why: "nothing is known yet", XML: `<reach` + ns + `/>`},
		row{Why: "everything",
			XML: `<reach` + ns + ` carrier='yes' class='port-restricted-cone' client='Godwit 0.1' filtering='address-and-port-dependent' ipv4='yes' ipv6='no'` +
				` mapped='nat-pmp' mapping='endpoint-independent' port-preserved='no'><address ip='198.51.100.7' port='61234'/><address ip='2001:db8::7' port='5000'/></reach>`,
			Want: reach.Reach{Class: reach.PortRestricted, Mapping: reach.EndpointIndependent, Filtering: reach.AddressPortDependent,
				PortPreserved: reach.No, Carrier: reach.Yes, IPv4: reach.Yes, IPv6: reach.No, Mapped: "nat-pmp", Client: "Godwit 0.1",
				Addresses: at("198.51.100.7:61234", "[2001:db8::7]:5000")}},
		row{Why: "words of a later version", XML: `<reach` + ns + ` class='wormhole' colour='red' ipv6='perhaps' mapped='dns' mapping='quantum'><moon/>x</reach>`,
			Out: `<reach` + ns + `/>`},
		row{Why: "addresses nobody else can send to",
			XML: `<reach` + ns + `><address ip='127.0.0.1' port='1'/><address ip='0.0.0.0' port='1'/><address ip='224.0.0.1' port='1'/><address ip='fe80::1' port='1'/>` +
				`<address ip='::1' port='1'/><address ip='::ffff:127.0.0.1' port='1'/><address ip='255.255.255.255' port='1'/><address ip='198.51.100.7' port='0'/></reach>`,
			Out: `<reach` + ns + `/>`},
		row{Why: "what is no address", XML: `<reach` + ns + `><address ip='example.org' port='1'/><address ip='198.51.100.7' port='65536'/><address port='1'/><address ip='2001:db8::1%eth0' port='1'/></reach>`,
			Out: `<reach` + ns + `/>`},
		row{Why: "one address in two spellings", XML: `<reach` + ns + `><address ip='198.51.100.7' port='1'/><address ip='::ffff:198.51.100.7' port='1'/></reach>`,
			Want: reach.Reach{Addresses: at("198.51.100.7:1")}, Out: `<reach` + ns + `><address ip='198.51.100.7' port='1'/></reach>`},
		row{Why: "a name without end", XML: `<reach` + ns + ` client='` + strings.Repeat("é", 500) + `'/>`,
			Want: reach.Reach{Client: strings.Repeat("é", 64)}, Out: `<reach` + ns + ` client='` + strings.Repeat("é", 64) + `'/>`},
		row{Why: "another version", XML: `<reach xmlns='urn:godwit:reach:1'/>`, Err: "bad-request"},
		row{Why: "another element", XML: `<address` + ns + `/>`, Err: "bad-request"},
	)
}

func TestBounds(t *testing.T) {
	var b strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&b, `<address ip='198.51.100.7' port='%d'/>`, i+1)
	}
	r, err := reach.Parse(codectest.Node(t, `<reach`+ns+`>`+b.String()+`</reach>`))
	if err != nil || len(r.Addresses) != reach.MaxAddresses {
		t.Errorf("%d addresses are read, %v", len(r.Addresses), err)
	}
	for i := range 100 {
		r.Addresses = append(r.Addresses, netip.AddrPortFrom(netip.MustParseAddr("203.0.113.9"), uint16(i+1)))
	}
	if got := strings.Count(codectest.Write(t, r), "<address"); got != reach.MaxAddresses {
		t.Errorf("%d addresses are written", got)
	}
}

// TestWhatCannotBeSaidIsNotWritten: a value somebody made up in the program costs
// itself, not the stanza it stands in.
func TestWhatCannotBeSaidIsNotWritten(t *testing.T) {
	r := reach.Reach{Class: "'", Mapping: "<", Filtering: "?", PortPreserved: "?", Carrier: "?", IPv4: "?", IPv6: "?", Mapped: "?", Client: "\x00",
		Addresses: []netip.AddrPort{{}, netip.MustParseAddrPort("127.0.0.1:1")}}
	if got := codectest.Write(t, r); got != `<reach`+ns+`/>` {
		t.Error(got)
	}
}

func TestEqual(t *testing.T) {
	a := reach.Reach{Class: reach.Open, Addresses: []netip.AddrPort{netip.MustParseAddrPort("198.51.100.7:1")}}
	if !a.Equal(a) || a.Equal(reach.Reach{}) || a.Equal(a.WithoutAddresses()) || a.IsZero() || !(reach.Reach{}).IsZero() {
		t.Error("Equal, WithoutAddresses or IsZero are wrong")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`<reach` + ns + ` class='symmetric' client='Godwit 0.1' ipv6='yes' mapped='pcp'><address ip='198.51.100.7' port='1'/></reach>`))
	f.Add([]byte(`<reach` + ns + `><address ip='::ffff:1.2.3.4' port=' 80 '/><x/></reach>`))
	f.Add([]byte(`<reach` + ns + ` client='&#x9;&#xA;a'/>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		codectest.Walk(t, data, map[string]codectest.Parser{"reach": codectest.Of(reach.Parse)})
		el, err := xmlstream.ParseElement(data, xmlstream.DefaultLimits())
		if err != nil {
			return
		}
		n, err := el.Tree()
		if err != nil {
			return
		}
		if r, err := reach.Parse(n); err == nil && (len(r.Addresses) > reach.MaxAddresses || len(r.Client) > 128) {
			t.Fatalf("%+v is not bounded", r)
		}
	})
}
