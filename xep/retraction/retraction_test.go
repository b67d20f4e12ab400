package retraction_test

import (
	"testing"
	"time"

	"godwit/xep/internal/codectest"
	"godwit/xep/retraction"
)

const ns = ` xmlns='urn:xmpp:message-retract:1'`

func TestRetract(t *testing.T) {
	type row = codectest.Row[retraction.Retract]
	codectest.Table(t, retraction.ParseRetract,
		row{Why: "taken back", XML: `<retract` + ns + ` id='wrong-recipient-1'/>`, Want: retraction.Retract{ID: "wrong-recipient-1"}},
		row{Why: "what?", XML: `<retract` + ns + `/>`, Err: "bad-request"},
		row{Why: "the version before", XML: `<retract xmlns='urn:xmpp:message-retract:0'/>`, Err: "bad-request"},
	)
}

func TestRetracted(t *testing.T) {
	type row = codectest.Row[retraction.Retracted]
	codectest.Table(t, retraction.ParseRetracted,
		row{Why: "a tombstone", XML: `<retracted` + ns + ` id='r1' stamp='2019-09-20T23:09:32Z'/>`, Want: retraction.Retracted{ID: "r1", Stamp: time.Date(2019, 9, 20, 23, 9, 32, 0, time.UTC)}},
		row{Why: "of an unknown time", XML: `<retracted` + ns + ` id='r1'/>`, Want: retraction.Retracted{ID: "r1"}},
		row{Why: "no time", XML: `<retracted` + ns + ` id='r1' stamp='yesterday'/>`, Err: "bad-request"},
		row{Why: "by what?", XML: `<retracted` + ns + `/>`, Err: "bad-request"},
	)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`<retract` + ns + ` id='m1'/>`))
	f.Add([]byte(`<retracted` + ns + ` id='r1' stamp='2019-09-20T23:09:32Z'/>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		codectest.Walk(t, data, map[string]codectest.Parser{"retract": codectest.Of(retraction.ParseRetract), "retracted": codectest.Of(retraction.ParseRetracted)})
	})
}
