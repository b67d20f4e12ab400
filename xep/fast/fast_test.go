package fast_test

import (
	"strings"
	"testing"
	"time"

	"godwit/xep/fast"
	"godwit/xep/internal/codectest"
)

const ns = ` xmlns='urn:xmpp:fast:0'`

func TestFeature(t *testing.T) {
	type row = codectest.Row[fast.Feature]
	codectest.Table(t, fast.ParseFeature,
		row{Why: "offered", XML: `<fast` + ns + `><mechanism>HT-SHA-256-EXPR</mechanism><mechanism>HT-SHA-256-NONE</mechanism></fast>`,
			Want: fast.Feature{Mechanisms: []string{"HT-SHA-256-EXPR", "HT-SHA-256-NONE"}}},
		row{Why: "with early data", XML: `<fast` + ns + ` tls-0rtt='1'><mechanism>A</mechanism></fast>`,
			Want: fast.Feature{Mechanisms: []string{"A"}, ZeroRTT: true}, Out: `<fast` + ns + ` tls-0rtt='true'><mechanism>A</mechanism></fast>`},
		row{Why: "neither true nor false", XML: `<fast` + ns + ` tls-0rtt='perhaps'/>`, Err: "bad-request"},
		row{Why: "names without end are none", XML: `<fast` + ns + `><mechanism>` + strings.Repeat("A", 65) + `</mechanism><mechanism/></fast>`, Out: `<fast` + ns + `/>`},
		row{Why: "another element", XML: `<token` + ns + `/>`, Err: "bad-request"},
	)
}

func TestRequest(t *testing.T) {
	type row = codectest.Row[fast.Request]
	codectest.Table(t, fast.ParseRequest,
		row{Why: "a token is wanted", XML: `<request-token` + ns + ` mechanism='HT-SHA-256-NONE'/>`, Want: fast.Request{Mechanism: "HT-SHA-256-NONE"}},
		row{Why: "for nothing", XML: `<request-token` + ns + `/>`, Err: "bad-request"},
		row{Why: "for a name without end", XML: `<request-token` + ns + ` mechanism='` + strings.Repeat("A", 65) + `'/>`, Err: "not-acceptable"},
	)
}

func TestUse(t *testing.T) {
	type row = codectest.Row[fast.Use]
	codectest.Table(t, fast.ParseUse,
		row{Why: "a token", XML: `<fast` + ns + `/>`},
		row{Why: "for the third time", XML: `<fast` + ns + ` count='3'/>`, Want: fast.Use{Count: 3}},
		row{Why: "for the last time", XML: `<fast` + ns + ` count='3' invalidate='1'/>`, Want: fast.Use{Count: 3, Invalidate: true}, Out: `<fast` + ns + ` count='3' invalidate='true'/>`},
		row{Why: "counted from nothing", XML: `<fast` + ns + ` count='0'/>`, Err: "bad-request"},
		row{Why: "more than xs:int holds", XML: `<fast` + ns + ` count='2147483648'/>`, Err: "bad-request"},
		row{Why: "less than nothing", XML: `<fast` + ns + ` count='-1'/>`, Err: "bad-request"},
	)
}

func TestToken(t *testing.T) {
	type row = codectest.Row[fast.Token]
	at := time.Date(2030, 3, 12, 14, 36, 15, 0, time.UTC)
	codectest.Table(t, fast.ParseToken,
		row{Why: "a token", XML: `<token` + ns + ` expiry='2030-03-12T14:36:15Z' token='secret'/>`, Want: fast.Token{Token: "secret", Expiry: at}},
		row{Why: "no secret", XML: `<token` + ns + ` expiry='2030-03-12T14:36:15Z'/>`, Err: "bad-request"},
		row{Why: "for ever", XML: `<token` + ns + ` token='secret'/>`, Err: "bad-request"},
		row{Why: "a secret without end", XML: `<token` + ns + ` expiry='2030-03-12T14:36:15Z' token='` + strings.Repeat("A", fast.MaxToken+1) + `'/>`, Err: "not-acceptable"},
	)
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`<fast` + ns + ` tls-0rtt='1'><mechanism>A</mechanism></fast>`, `<request-token` + ns + ` mechanism='A'/>`,
		`<fast` + ns + ` count='3' invalidate='true'/>`, `<token` + ns + ` expiry='2030-03-12T14:36:15Z' token='s'/>`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		codectest.Walk(t, data, map[string]codectest.Parser{
			"feature": codectest.Of(fast.ParseFeature), "request": codectest.Of(fast.ParseRequest),
			"use": codectest.Of(fast.ParseUse), "token": codectest.Of(fast.ParseToken),
		})
	})
}
