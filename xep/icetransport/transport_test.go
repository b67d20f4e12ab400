package icetransport

import (
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"godwit/stanza"
	"godwit/xmlstream"
)

func tree(t testing.TB, text string) xmlstream.Node {
	t.Helper()
	el, err := xmlstream.ParseElement([]byte(text), xmlstream.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	n, err := el.Tree()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func encode(t testing.TB, v Transport) string {
	t.Helper()
	e := xmlstream.NewEncoder(nil, "")
	v.Encode(e)
	if err := e.Err(); err != nil {
		t.Fatal(err)
	}
	return string(e.Bytes())
}

const sample = `<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' pwd='asd88fgpdd777uzjYhagZg' ufrag='8hhy'>` +
	`<fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='actpass'>` +
	`02:1A:CC:54:27:AB:EB:9C:53:3F:3E:4B:65:2E:7D:46:3F:54:42:CD:54:F1:7A:03:A2:7D:F9:B0:7F:46:19:B2</fingerprint>` +
	`<candidate component='1' foundation='1' generation='0' id='el0747fg11' ip='10.0.1.1' network='1' port='8998' priority='2130706431' protocol='udp' type='host'/>` +
	`<candidate component='1' foundation='2' generation='0' id='y3s2b30v3r' ip='192.0.2.3' network='1' port='45664' priority='1694498815' protocol='udp' rel-addr='10.0.1.1' rel-port='8998' type='srflx'/>` +
	`</transport>`

func TestRoundTrip(t *testing.T) {
	got, err := Parse(tree(t, sample)) // XEP-0320 §3, example 2
	if err != nil {
		t.Fatal(err)
	}
	want := []Candidate{
		{Component: 1, Foundation: "1", ID: "el0747fg11", Network: 1, Address: netip.MustParseAddrPort("10.0.1.1:8998"),
			Priority: 2130706431, Protocol: "udp", Kind: Host},
		{Component: 1, Foundation: "2", ID: "y3s2b30v3r", Network: 1, Address: netip.MustParseAddrPort("192.0.2.3:45664"),
			Priority: 1694498815, Protocol: "udp", Related: netip.MustParseAddrPort("10.0.1.1:8998"), Kind: ServerReflexive},
	}
	if !reflect.DeepEqual(got.Candidates, want) {
		t.Errorf("got %+v", got.Candidates)
	}
	if got.Ufrag != "8hhy" || got.Pwd != "asd88fgpdd777uzjYhagZg" {
		t.Errorf("%q %q", got.Ufrag, got.Pwd)
	}
	if f := got.Fingerprint; f == nil || f.Hash != SHA256 || f.Setup != ActPass || len(f.Value) != 32 || f.Value[1] != 0x1A {
		t.Errorf("%+v", f)
	}
	if again := encode(t, got); again != sample {
		t.Errorf("encoded %s", again)
	}
}

func edit(old, new string) string { return strings.Replace(sample, old, new, 1) }

func TestParseRefuses(t *testing.T) {
	for _, test := range []struct{ why, xml string }{
		{"another namespace", edit("ice-udp:1", "ice-udp:0")},
		{"a fragment too short to be unique", edit("'8hhy'", "'8hh'")},
		{"a password too short to be secret", edit("asd88fgpdd777uzjYhagZg", "asd88fgpdd777uzjYhagZ")},
		{"characters ICE does not allow", edit("'8hhy'", "'8h:y'")},
		{"a fragment without password", edit(" pwd='asd88fgpdd777uzjYhagZg'", "")},
		{"candidates without credentials", edit(" pwd='asd88fgpdd777uzjYhagZg' ufrag='8hhy'", "")},
		{"port 0", edit("port='8998'", "port='0'")},
		{"port 65536", edit("port='8998'", "port='65536'")},
		{"no port", edit("port='8998'", "")},
		{"component 0", edit("component='1'", "component='0'")},
		{"a negative priority", edit("'2130706431'", "'-1'")},
		{"a priority beyond 31 bits", edit("'2130706431'", "'2147483648'")},
		{"a foundation without end", edit("foundation='1'", "foundation='"+strings.Repeat("a", 33)+"'")},
		{"an unknown setup", edit("actpass", "holdconn")},
		{"a fingerprint cut short", edit(":19:B2", ":19")},
		{"a fingerprint that is not hexadecimal", edit(":19:B2", ":19:XY")},
		{"a fingerprint without colons", edit("02:1A:CC", "021ACC")},
		{"a fingerprint without hash", edit("hash='sha-256'", "")},
	} {
		_, err := Parse(tree(t, test.xml))
		var e *stanza.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", test.why, err)
		}
	}
}

func TestParseLeavesOutWhatItCannotUse(t *testing.T) {
	for _, test := range []struct {
		why, xml string
		want     int
	}{
		{"TCP candidates", edit("protocol='udp'", "protocol='tcp'"), 1},
		{"UDP in capitals is UDP", edit("protocol='udp'", "protocol='UDP'"), 2},
		{"names of multicast DNS", edit("ip='10.0.1.1'", "ip='1f4.local'"), 1},
		{"zones mean nothing elsewhere", edit("ip='10.0.1.1'", "ip='fe80::1%eth0'"), 1},
		{"kinds that came later", edit("type='host'", "type='satellite'"), 1},
		{"optional attributes", edit("generation='0' id='el0747fg11' ip='10.0.1.1' network='1'", "ip='10.0.1.1'"), 2},
		{"a broken related address", edit("rel-addr='10.0.1.1'", "rel-addr='?'"), 2},
	} {
		got, err := Parse(tree(t, test.xml))
		if err != nil || len(got.Candidates) != test.want {
			t.Errorf("%s: %d candidates, %v", test.why, len(got.Candidates), err)
		}
	}
	candidate := sample[strings.Index(sample, "<candidate"):strings.Index(sample, "</transport>")]
	many, err := Parse(tree(t, strings.Replace(sample, candidate, strings.Repeat(candidate, MaxCandidates), 1)))
	if err != nil || len(many.Candidates) != MaxCandidates {
		t.Errorf("%d candidates, %v", len(many.Candidates), err)
	}
}

func TestParseTakesTheKnownFingerprint(t *testing.T) {
	weak := `<fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='md5' setup='active'>00:01</fingerprint>`
	for _, xml := range []string{edit("<fingerprint", weak+"<fingerprint"), edit("</fingerprint>", "</fingerprint>"+weak)} {
		got, err := Parse(tree(t, xml))
		if err != nil || got.Fingerprint.Hash != SHA256 {
			t.Errorf("%+v, %v", got.Fingerprint, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte(edit("10.0.1.1", "2001:db8::1")))
	f.Fuzz(func(t *testing.T, data []byte) {
		el, err := xmlstream.ParseElement(data, xmlstream.DefaultLimits())
		if err != nil {
			return
		}
		n, err := el.Tree()
		if err != nil {
			return
		}
		first, err := Parse(n)
		if err != nil {
			return
		}
		text := encode(t, first)
		second, err := Parse(tree(t, text))
		if err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		if again := encode(t, second); again != text {
			t.Fatalf("%s\n%s", text, again)
		}
	})
}
