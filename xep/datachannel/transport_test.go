package datachannel_test

import (
	"net/netip"
	"strings"
	"testing"

	"godwit/xep/datachannel"
	"godwit/xep/icetransport"
	"godwit/xep/internal/codectest"
	"godwit/xmlstream"
)

const (
	fingerprint = `<fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='actpass'>` +
		`02:1A:CC:54:27:AB:EB:9C:53:3F:3E:4B:65:2E:7D:46:3F:54:42:CD:54:F1:7A:03:A2:7D:F9:B0:7F:46:19:B2</fingerprint>`
	candidate = `<candidate component='1' foundation='1' generation='0' id='a' ip='10.0.1.1' network='1' port='8998' priority='2130706431' protocol='udp' type='host'/>`
	start     = `<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' pwd='asd88fgpdd777uzjYhagZg' ufrag='8hhy'>`
	sctpmap   = `<sctpmap xmlns='urn:xmpp:jingle:transports:dtls-sctp:1' number='5000' protocol='webrtc-datachannel' streams='1024'/>`
)

func deployed(attributes, inner string) string {
	return `<transport xmlns='urn:xmpp:jingle:transports:webrtc-datachannel:1'` + attributes + `>` + inner + `</transport>`
}

func mapped(children string) string { return start + children + `</transport>` }

var ice = icetransport.Transport{
	Ufrag: "8hhy", Pwd: "asd88fgpdd777uzjYhagZg",
	Fingerprint: &icetransport.Fingerprint{Hash: "sha-256", Setup: icetransport.ActPass, Value: []byte{
		0x02, 0x1A, 0xCC, 0x54, 0x27, 0xAB, 0xEB, 0x9C, 0x53, 0x3F, 0x3E, 0x4B, 0x65, 0x2E, 0x7D, 0x46,
		0x3F, 0x54, 0x42, 0xCD, 0x54, 0xF1, 0x7A, 0x03, 0xA2, 0x7D, 0xF9, 0xB0, 0x7F, 0x46, 0x19, 0xB2}},
	Candidates: []icetransport.Candidate{{Component: 1, Foundation: "1", ID: "a", Network: 1,
		Address: netip.MustParseAddrPort("10.0.1.1:8998"), Priority: 2130706431, Protocol: "udp", Kind: icetransport.Host}},
}

const inner = start + fingerprint + candidate + `</transport>`

var rows = []codectest.Row[datachannel.Transport]{
	{Why: "as mobile clients write it", XML: deployed(` max-message-size='262144' sctp-port='5000'`, inner),
		Want: datachannel.Transport{Port: 5000, MaxMessageSize: 262144, ICE: ice}},
	{Why: "any size", XML: deployed(` max-message-size='0' sctp-port='5000'`, inner),
		Want: datachannel.Transport{Port: 5000, MaxMessageSize: datachannel.Unlimited, ICE: ice}},
	{Why: "more than 32 bits", XML: deployed(` max-message-size='4294967296' sctp-port='5000'`, inner),
		Want: datachannel.Transport{Port: 5000, MaxMessageSize: datachannel.Unlimited, ICE: ice},
		Out:  deployed(` max-message-size='0' sctp-port='5000'`, inner)},
	{Why: "no size", XML: deployed(` sctp-port='5000'`, inner), Want: datachannel.Transport{Port: 5000, ICE: ice}},
	{Why: "a later candidate", XML: deployed(``, start+candidate+`</transport>`),
		Want: datachannel.Transport{ICE: icetransport.Transport{Ufrag: ice.Ufrag, Pwd: ice.Pwd, Candidates: ice.Candidates}}},
	{Why: "nothing inside", XML: deployed(` sctp-port='5000'`, ``), Want: datachannel.Transport{Port: 5000},
		Out: deployed(` sctp-port='5000'`, `<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1'/>`)},
	{Why: "something unknown inside", XML: deployed(` sctp-port='5000'`, `<x xmlns='urn:x'/>`+inner),
		Want: datachannel.Transport{Port: 5000, ICE: ice}, Out: deployed(` sctp-port='5000'`, inner)},
	{Why: "XEP-0343, example 1", XML: mapped(sctpmap + fingerprint + candidate),
		Want: datachannel.Transport{Dialect: datachannel.Mapped, Port: 5000, Streams: 1024, ICE: ice}},
	{Why: "with 'port' as its text says", XML: mapped(strings.Replace(sctpmap, "number", "port", 1) + fingerprint + candidate),
		Want: datachannel.Transport{Dialect: datachannel.Mapped, Port: 5000, Streams: 1024, ICE: ice}, Out: mapped(sctpmap + fingerprint + candidate)},
	{Why: "more streams than there can be", XML: mapped(strings.Replace(sctpmap, "1024", "70000", 1) + fingerprint + candidate),
		Want: datachannel.Transport{Dialect: datachannel.Mapped, Port: 5000, Streams: 65535, ICE: ice},
		Out:  mapped(strings.Replace(sctpmap, "1024", "65535", 1) + fingerprint + candidate)},
	{Why: "channels signalled besides are opened in the channel all the same",
		XML:  mapped(sctpmap + `<channel xmlns='urn:xmpp:jingle:transports:webrtc-datachannel:0' id='1' negotiated='true'/>` + fingerprint + candidate),
		Want: datachannel.Transport{Dialect: datachannel.Mapped, Port: 5000, Streams: 1024, ICE: ice}, Out: mapped(sctpmap + fingerprint + candidate)},
	{Why: "a later candidate without map", XML: mapped(candidate),
		Want: datachannel.Transport{Dialect: datachannel.Mapped, ICE: icetransport.Transport{Ufrag: ice.Ufrag, Pwd: ice.Pwd, Candidates: ice.Candidates}}},
	{Why: "SCTP for something else", XML: mapped(strings.Replace(sctpmap, "webrtc-datachannel", "bfcp", 1) + fingerprint + candidate),
		Want: datachannel.Transport{Dialect: datachannel.Mapped, ICE: ice}, Out: mapped(fingerprint + candidate)},
	{Why: "port 0", XML: deployed(` sctp-port='0'`, inner), Err: "bad-request"},
	{Why: "port 65536", XML: deployed(` sctp-port='65536'`, inner), Err: "bad-request"},
	{Why: "a negative size", XML: deployed(` max-message-size='-1' sctp-port='5000'`, inner), Err: "bad-request"},
	{Why: "two transports inside", XML: deployed(` sctp-port='5000'`, inner+inner), Err: "bad-request"},
	{Why: "a broken one inside", XML: deployed(` sctp-port='5000'`, strings.Replace(inner, "ufrag='8hhy'", "", 1)), Err: "bad-request"},
	{Why: "a map without port", XML: mapped(strings.Replace(sctpmap, "number='5000'", "", 1)), Err: "bad-request"},
	{Why: "a map without protocol", XML: mapped(strings.Replace(sctpmap, "protocol='webrtc-datachannel'", "", 1)), Err: "bad-request"},
	{Why: "a map of no streams", XML: mapped(strings.Replace(sctpmap, "1024", "0", 1)), Err: "bad-request"},
	{Why: "another version", XML: strings.Replace(deployed(``, inner), "channel:1", "channel:0", 1), Err: "bad-request"},
}

func TestTransport(t *testing.T) { codectest.Table(t, datachannel.Parse, rows...) }

func TestParseFullWantsAPortAKeyAndCredentials(t *testing.T) {
	for _, test := range []struct {
		why, xml string
		good     bool
	}{
		{"all there", deployed(` sctp-port='5000'`, inner), true},
		{"all there in the other dialect", mapped(sctpmap + fingerprint), true},
		{"no port", deployed(``, inner), false},
		{"no map", mapped(fingerprint), false},
		{"no fingerprint: nobody would be authenticated", mapped(sctpmap), false},
		{"another hash alone", deployed(` sctp-port='5000'`, strings.Replace(inner, "sha-256", "md5", 1)), false},
		{"no credentials", deployed(` sctp-port='5000'`, ``), false},
		{"broken", deployed(` sctp-port='x'`, inner), false},
	} {
		if _, err := datachannel.ParseFull(codectest.Node(t, test.xml)); (err == nil) != test.good {
			t.Errorf("%s: %v", test.why, err)
		}
	}
}

func TestLimit(t *testing.T) {
	for said, want := range map[uint32]uint32{0: 65536, 1: 1, datachannel.Unlimited: 1<<32 - 1} {
		if got := (datachannel.Transport{MaxMessageSize: said}).Limit(); got != want {
			t.Errorf("%d means %d", said, got)
		}
	}
}

func FuzzTransport(f *testing.F) {
	for _, row := range rows {
		f.Add([]byte(row.XML))
	}
	parsers := map[string]codectest.Parser{"datachannel": codectest.Of(func(n xmlstream.Node) (datachannel.Transport, error) { return datachannel.Parse(n) })}
	f.Fuzz(func(t *testing.T, data []byte) { codectest.Walk(t, data, parsers) })
}
