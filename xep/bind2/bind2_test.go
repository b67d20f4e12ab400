package bind2_test

import (
	"strings"
	"testing"
	"time"

	"godwit/xep/archive"
	"godwit/xep/bind2"
	"godwit/xep/clientstate"
	"godwit/xep/internal/codectest"
	"godwit/xep/sm"
	"godwit/xmlstream"
)

const ns = ` xmlns='urn:xmpp:bind:0'`

func TestFeature(t *testing.T) {
	type row = codectest.Row[bind2.Feature]
	codectest.Table(t, bind2.ParseFeature,
		row{Why: "with what can be switched on", XML: `<bind` + ns + `><inline><feature var='urn:xmpp:carbons:2'/><feature var='urn:xmpp:sm:3'/></inline></bind>`,
			Want: bind2.Feature{Inline: []string{"urn:xmpp:carbons:2", "urn:xmpp:sm:3"}}},
		row{Why: "binding alone", XML: `<bind` + ns + `/>`, Want: bind2.Feature{}},
		row{Why: "a feature without a name", XML: `<bind` + ns + `><inline><feature/></inline></bind>`, Err: "bad-request"},
		row{Why: "the draft namespace that XEP-0198 still shows", XML: `<bind xmlns='urn:xmpp:bind2:1'/>`, Err: "bad-request"},
	)
	f := bind2.Feature{Inline: []string{sm.NS}}
	if !f.Has(sm.NS) || f.Has("urn:xmpp:csi:0") {
		t.Error("Has does not look the feature up")
	}
}

func TestBind(t *testing.T) {
	type row = codectest.Row[bind2.Bind]
	codectest.Table(t, bind2.ParseBind,
		row{Why: "binding alone", XML: `<bind` + ns + `/>`, Want: bind2.Bind{}},
		row{Why: "everything", XML: `<bind` + ns + `><tag>Godwit</tag><enable xmlns='urn:xmpp:carbons:2'/><enable xmlns='urn:xmpp:sm:3' resume='true'/><inactive xmlns='urn:xmpp:csi:0'/><other xmlns='urn:example'/></bind>`,
			Want: bind2.Bind{Tag: "Godwit", Carbons: true, SM: &sm.Enable{Resume: true}, State: clientstate.Inactive,
				Other: []xmlstream.Node{xmlstream.NewNode("urn:example", "other")}}},
		row{Why: "the two enables are told apart", XML: `<bind` + ns + `><enable xmlns='urn:xmpp:sm:3'/></bind>`, Want: bind2.Bind{SM: &sm.Enable{}}},
		row{Why: "a bad request inside is a bad request", XML: `<bind` + ns + `><enable xmlns='urn:xmpp:sm:3' max='soon'/></bind>`, Err: "bad-request"},
		row{Why: "a tag too long for a resource", XML: `<bind` + ns + `><tag>` + strings.Repeat("x", bind2.MaxTag+1) + `</tag></bind>`, Err: "not-acceptable"},
	)
}

func TestBound(t *testing.T) {
	type row = codectest.Row[bind2.Bound]
	codectest.Table(t, bind2.ParseBound,
		row{Why: "nothing to say", XML: `<bound` + ns + `/>`, Want: bind2.Bound{}},
		row{Why: "stream management and archive", XML: `<bound` + ns + `><enabled xmlns='urn:xmpp:sm:3' id='s1' resume='true'/>` +
			`<metadata xmlns='urn:xmpp:mam:2'><start id='1' timestamp='2026-01-01T00:00:00Z'/><end id='9' timestamp='2026-11-23T00:00:00Z'/></metadata></bound>`,
			Want: bind2.Bound{SM: &sm.Enabled{ID: "s1", Resume: true}, Metadata: &archive.Metadata{
				Start: archive.Mark{ID: "1", Time: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)},
				End:   archive.Mark{ID: "9", Time: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)}}}},
		row{Why: "stream management refused, archive empty", XML: `<bound` + ns + `><failed xmlns='urn:xmpp:sm:3'><internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed><metadata xmlns='urn:xmpp:mam:2'/></bound>`,
			Want: bind2.Bound{SMFailed: &sm.Failed{Condition: "internal-server-error"}, Metadata: &archive.Metadata{}}},
		row{Why: "a broken answer", XML: `<bound` + ns + `><enabled xmlns='urn:xmpp:sm:3' resume='true'/></bound>`, Err: "bad-request"},
	)
}
