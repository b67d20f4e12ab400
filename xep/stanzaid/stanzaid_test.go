package stanzaid_test

import (
	"strings"
	"testing"

	"godwit/jid"
	"godwit/xep/internal/codectest"
	"godwit/xep/stanzaid"
)

const ns = ` xmlns='urn:xmpp:sid:0'`

func TestOrigin(t *testing.T) {
	type row = codectest.Row[stanzaid.Origin]
	codectest.Table(t, stanzaid.ParseOrigin,
		row{Why: "an id", XML: `<origin-id` + ns + ` id='m1'/>`, Want: stanzaid.Origin{ID: "m1"}},
		row{Why: "the longest id", XML: `<origin-id` + ns + ` id='` + strings.Repeat("x", stanzaid.MaxID) + `'/>`, Want: stanzaid.Origin{ID: strings.Repeat("x", stanzaid.MaxID)}},
		row{Why: "one byte more", XML: `<origin-id` + ns + ` id='` + strings.Repeat("x", stanzaid.MaxID+1) + `'/>`, Err: "not-acceptable"},
		row{Why: "an empty id", XML: `<origin-id` + ns + ` id=''/>`, Err: "bad-request"},
		row{Why: "no id", XML: `<origin-id` + ns + `/>`, Err: "bad-request"},
		row{Why: "the other id", XML: `<stanza-id` + ns + ` id='m1' by='a.example'/>`, Err: "bad-request"},
	)
}

func TestStanza(t *testing.T) {
	type row = codectest.Row[stanzaid.Stanza]
	codectest.Table(t, stanzaid.ParseStanza,
		row{Why: "an id", XML: `<stanza-id` + ns + ` id='28' by='alice@a.example'/>`, Want: stanzaid.Stanza{ID: "28", By: jid.MustParse("alice@a.example")}},
		row{Why: "the address is normalised, so that forged ones cannot hide", XML: `<stanza-id` + ns + ` id='28' by='ALICE@A.example'/>`, Want: stanzaid.Stanza{ID: "28", By: jid.MustParse("alice@a.example")},
			Out: `<stanza-id` + ns + ` id='28' by='alice@a.example'/>`},
		row{Why: "by nobody", XML: `<stanza-id` + ns + ` id='28'/>`, Err: "bad-request"},
		row{Why: "by no address", XML: `<stanza-id` + ns + ` id='28' by='@'/>`, Err: "jid-malformed"},
		row{Why: "no id", XML: `<stanza-id` + ns + ` by='a.example'/>`, Err: "bad-request"},
		row{Why: "the other id", XML: `<origin-id` + ns + ` id='28'/>`, Err: "bad-request"},
	)
}
