package icequic

import (
	"strings"
	"testing"
	"time"

	"godwit/xep/reach"
	"godwit/xmlstream"
)

const sample = `<transport xmlns='urn:godwit:transports:ice-quic:0' pwd='asd88fgpdd777uzjYhagZg' ufrag='8hhy'>` +
	`<fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='active'>` +
	`02:1A:CC:54:27:AB:EB:9C:53:3F:3E:4B:65:2E:7D:46:3F:54:42:CD:54:F1:7A:03:A2:7D:F9:B0:7F:46:19:B2</fingerprint>` +
	`<candidate component='1' foundation='1' generation='0' id='a' ip='10.0.1.1' network='0' port='8998' priority='2130706431' protocol='udp' type='host'/>` +
	`</transport>`

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

func TestRoundTrip(t *testing.T) {
	got, err := ParseFull(tree(t, sample))
	if err != nil {
		t.Fatal(err)
	}
	e := xmlstream.NewEncoder(nil, "")
	got.Encode(e)
	if err := e.Err(); err != nil || string(e.Bytes()) != sample {
		t.Errorf("%v: %s", err, e.Bytes())
	}
}

func TestReachAndRoundTrip(t *testing.T) {
	with := func(attributes, children string) string {
		text := strings.Replace(sample, "<transport xmlns='urn:godwit:transports:ice-quic:0'", "<transport xmlns='urn:godwit:transports:ice-quic:0'"+attributes, 1)
		return strings.Replace(text, "</transport>", children+"</transport>", 1)
	}
	got, err := ParseFull(tree(t, with(" rtt='42'", "<reach xmlns='urn:godwit:reach:0' class='symmetric'/>")))
	if err != nil || got.RTT != 42*time.Millisecond || got.Reach.Class != reach.Symmetric {
		t.Fatalf("%+v, %v", got, err)
	}
	again, err := ParseFull(got.Node())
	if err != nil || again.RTT != got.RTT || !again.Reach.Equal(got.Reach) {
		t.Errorf("%+v, %v", again, err)
	}
	for _, rtt := range []string{"", "-1", "x", "99999999"} {
		got, err := ParseFull(tree(t, with(" rtt='"+rtt+"'", "")))
		if err != nil || got.RTT != 0 {
			t.Errorf("rtt %q: %v, %v", rtt, got.RTT, err)
		}
	}
}

func TestParseFullWantsAKeyAndCredentials(t *testing.T) {
	cut := func(from, to string) string {
		i, j := strings.Index(sample, from), strings.Index(sample, to)
		return sample[:i] + sample[j:]
	}
	for _, test := range []struct {
		why, xml   string
		partialToo bool // Parse refuses it as well
	}{
		{"no fingerprint: nobody would be authenticated", cut("<fingerprint", "<candidate"), false},
		{"no credentials", `<transport xmlns='urn:godwit:transports:ice-quic:0'/>`, false},
		{"another hash alone", strings.Replace(sample, "'sha-256'", "'md5'", 1), false},
		{"another transport", strings.Replace(sample, "ice-quic:0", "ice-quic:9", 1), true},
	} {
		if _, err := ParseFull(tree(t, test.xml)); err == nil {
			t.Errorf("%s: accepted", test.why)
		}
		if _, err := Parse(tree(t, test.xml)); (err != nil) != test.partialToo {
			t.Errorf("%s: %v", test.why, err)
		}
	}
}
