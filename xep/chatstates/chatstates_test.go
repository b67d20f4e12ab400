package chatstates_test

import (
	"testing"

	"godwit/xep/chatstates"
	"godwit/xep/internal/codectest"
)

func TestState(t *testing.T) {
	type row = codectest.Row[chatstates.State]
	const ns = ` xmlns='http://jabber.org/protocol/chatstates'`
	codectest.Table(t, chatstates.Parse,
		row{Why: "active", XML: `<active` + ns + `/>`, Want: chatstates.Active},
		row{Why: "composing", XML: `<composing` + ns + `/>`, Want: chatstates.Composing},
		row{Why: "paused", XML: `<paused` + ns + `/>`, Want: chatstates.Paused},
		row{Why: "inactive", XML: `<inactive` + ns + `/>`, Want: chatstates.Inactive},
		row{Why: "gone", XML: `<gone` + ns + `/>`, Want: chatstates.Gone},
		row{Why: "asleep", XML: `<asleep` + ns + `/>`, Err: "bad-request"},
		row{Why: "client state is something else", XML: `<active xmlns='urn:xmpp:csi:0'/>`, Err: "bad-request"},
	)
	if got := codectest.Write(t, chatstates.State("")); got != "" {
		t.Errorf("no state writes %s", got)
	}
}
