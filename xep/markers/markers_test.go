package markers_test

import (
	"testing"

	"godwit/xep/internal/codectest"
	"godwit/xep/markers"
)

const ns = ` xmlns='urn:xmpp:chat-markers:0'`

func TestMarkable(t *testing.T) {
	type row = codectest.Row[markers.Markable]
	codectest.Table(t, markers.ParseMarkable,
		row{Why: "request", XML: `<markable` + ns + `/>`, Want: markers.Markable{}},
		row{Why: "answer", XML: `<displayed` + ns + ` id='m1'/>`, Err: "bad-request"},
	)
}

func TestDisplayed(t *testing.T) {
	type row = codectest.Row[markers.Displayed]
	codectest.Table(t, markers.ParseDisplayed,
		row{Why: "answer", XML: `<displayed` + ns + ` id='m1'/>`, Want: markers.Displayed{ID: "m1"}},
		row{Why: "displayed, but what?", XML: `<displayed` + ns + `/>`, Err: "bad-request"},
		row{Why: "a marker that version 1.0 dropped", XML: `<acknowledged` + ns + ` id='m1'/>`, Err: "bad-request"},
	)
}
