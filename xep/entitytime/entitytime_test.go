package entitytime_test

import (
	"testing"
	"time"

	"godwit/xep/entitytime"
	"godwit/xep/internal/codectest"
)

func TestTime(t *testing.T) {
	type row = codectest.Row[entitytime.Time]
	const ns = ` xmlns='urn:xmpp:time'`
	at := time.Date(2026, 11, 23, 17, 58, 35, 0, time.UTC)
	codectest.Table(t, entitytime.Parse,
		row{Why: "request", XML: `<time` + ns + `/>`, Want: entitytime.Time{}},
		row{Why: "west of Greenwich", XML: `<time` + ns + `><tzo>-06:00</tzo><utc>2026-11-23T17:58:35Z</utc></time>`, Want: entitytime.Time{UTC: at, Offset: -6 * time.Hour}},
		row{Why: "at Greenwich", XML: `<time` + ns + `><tzo>Z</tzo><utc>2026-11-23T17:58:35Z</utc></time>`, Want: entitytime.Time{UTC: at}},
		row{Why: "no zone", XML: `<time` + ns + `><utc>2026-11-23T17:58:35Z</utc></time>`, Err: "bad-request"},
		row{Why: "no time", XML: `<time` + ns + `><tzo>Z</tzo></time>`, Err: "bad-request"},
		row{Why: "a zone by name", XML: `<time` + ns + `><tzo>MDT</tzo><utc>2026-11-23T17:58:35Z</utc></time>`, Err: "bad-request"},
		row{Why: "a time by name", XML: `<time` + ns + `><tzo>Z</tzo><utc>noon</utc></time>`, Err: "bad-request"},
		row{Why: "the older protocol", XML: `<query xmlns='jabber:iq:time'/>`, Err: "bad-request"},
	)
}
