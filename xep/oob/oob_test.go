package oob_test

import (
	"strings"
	"testing"

	"godwit/xep/internal/codectest"
	"godwit/xep/oob"
)

func TestData(t *testing.T) {
	type row = codectest.Row[oob.Data]
	const ns = ` xmlns='jabber:x:oob'`
	codectest.Table(t, oob.Parse,
		row{Why: "an address", XML: `<x` + ns + `><url>https://a.example/b</url></x>`, Want: oob.Data{URL: "https://a.example/b"}},
		row{Why: "with words", XML: `<x` + ns + `><url>u</url><desc>A picture</desc></x>`, Want: oob.Data{URL: "u", Desc: "A picture"}},
		row{Why: "no address", XML: `<x` + ns + `><desc>?</desc></x>`, Err: "bad-request"},
		row{Why: "an address without end", XML: `<x` + ns + `><url>` + strings.Repeat("u", 9000) + `</url></x>`, Err: "not-acceptable"},
	)
}
