package channelbinding_test

import (
	"testing"

	"godwit/xep/channelbinding"
	"godwit/xep/internal/codectest"
)

func TestAnnouncement(t *testing.T) {
	type row = codectest.Row[channelbinding.Announcement]
	const ns = ` xmlns='urn:xmpp:sasl-cb:0'`
	codectest.Table(t, channelbinding.Parse,
		row{Why: "two kinds, in order", XML: `<sasl-channel-binding` + ns + `><channel-binding type='tls-exporter'/><channel-binding type='tls-server-end-point'/></sasl-channel-binding>`,
			Want: channelbinding.Announcement{Types: []string{channelbinding.TLSExporter, channelbinding.TLSServerEndPoint}}},
		row{Why: "an announcement of nothing is none", XML: `<sasl-channel-binding` + ns + `/>`, Err: "bad-request"},
		row{Why: "a kind without a name", XML: `<sasl-channel-binding` + ns + `><channel-binding/></sasl-channel-binding>`, Err: "bad-request"},
		row{Why: "another element", XML: `<channel-binding` + ns + ` type='tls-exporter'/>`, Err: "bad-request"},
	)
	a := channelbinding.Announcement{Types: []string{channelbinding.TLSExporter}}
	if !a.Has(channelbinding.TLSExporter) || a.Has(channelbinding.TLSServerEndPoint) {
		t.Error("Has does not look the kind up")
	}
}
