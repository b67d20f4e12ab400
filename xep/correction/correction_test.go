package correction_test

import (
	"testing"

	"godwit/xep/correction"
	"godwit/xep/internal/codectest"
)

const ns = ` xmlns='urn:xmpp:message-correct:0'`

func TestReplace(t *testing.T) {
	type row = codectest.Row[correction.Replace]
	codectest.Table(t, correction.Parse,
		row{Why: "a correction", XML: `<replace` + ns + ` id='bad1'/>`, Want: correction.Replace{ID: "bad1"}},
		row{Why: "of what?", XML: `<replace` + ns + `/>`, Err: "bad-request"},
		row{Why: "something else", XML: `<reply xmlns='urn:xmpp:reply:0' id='m1'/>`, Err: "bad-request"},
	)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`<replace` + ns + ` id='bad1'/>`))
	f.Add([]byte(`<replace` + ns + ` id=''/>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		codectest.Walk(t, data, map[string]codectest.Parser{"replace": codectest.Of(correction.Parse)})
	})
}
