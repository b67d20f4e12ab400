package last_test

import (
	"math"
	"testing"
	"time"

	"godwit/xep/internal/codectest"
	"godwit/xep/last"
)

func TestActivity(t *testing.T) {
	type row = codectest.Row[last.Activity]
	const ns = ` xmlns='jabber:iq:last'`
	codectest.Table(t, last.Parse,
		row{Why: "request", XML: `<query` + ns + `/>`, Want: last.Activity{}},
		row{Why: "gone home", XML: `<query` + ns + ` seconds='903'>Heading home</query>`, Want: last.Activity{Known: true, Ago: 903 * time.Second, Status: "Heading home"}},
		row{Why: "here now", XML: `<query` + ns + ` seconds='0'/>`, Want: last.Activity{Known: true}},
		row{Why: "longer than time", XML: `<query` + ns + ` seconds='18446744073709551615'/>`, Want: last.Activity{Known: true, Ago: math.MaxInt64 / time.Second * time.Second},
			Out: `<query` + ns + ` seconds='9223372036'/>`},
		row{Why: "in the future", XML: `<query` + ns + ` seconds='-5'/>`, Err: "bad-request"},
		row{Why: "a while", XML: `<query` + ns + ` seconds='a while'/>`, Err: "bad-request"},
		row{Why: "another query", XML: `<query xmlns='jabber:iq:version'/>`, Err: "bad-request"},
	)
	if got := codectest.Write(t, last.Activity{Known: true, Ago: -time.Second}); got != `<query`+ns+` seconds='0'/>` {
		t.Errorf("a clock that went back writes %s", got)
	}
}
