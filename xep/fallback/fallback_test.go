package fallback_test

import (
	"testing"

	"godwit/xep/fallback"
	"godwit/xep/internal/codectest"
	"godwit/xmlstream"
)

const ns = ` xmlns='urn:xmpp:fallback:0'`

func TestFallback(t *testing.T) {
	type row = codectest.Row[fallback.Fallback]
	codectest.Table(t, fallback.Parse,
		row{Why: "a part", XML: `<fallback` + ns + ` for='urn:xmpp:reply:0'><body start='0' end='38'/></fallback>`,
			Want: fallback.Fallback{For: "urn:xmpp:reply:0", Body: []fallback.Range{{0, 38}}}},
		row{Why: "two parts", XML: `<fallback` + ns + `><body start='0' end='3'/><body start='5' end='5'/></fallback>`,
			Want: fallback.Fallback{Body: []fallback.Range{{0, 3}, {5, 5}}}},
		row{Why: "the whole body", XML: `<fallback` + ns + ` for='x'/>`, Want: fallback.Fallback{For: "x", Whole: true}, Out: `<fallback` + ns + ` for='x'><body/></fallback>`},
		row{Why: "the whole body, said", XML: `<fallback` + ns + `><body/></fallback>`, Want: fallback.Fallback{Whole: true}},
		row{Why: "the subject", XML: `<fallback` + ns + `><subject/></fallback>`, Want: fallback.Fallback{}},
		row{Why: "backwards", XML: `<fallback` + ns + `><body start='3' end='2'/></fallback>`, Err: "bad-request"},
		row{Why: "without an end", XML: `<fallback` + ns + `><body start='3'/></fallback>`, Err: "bad-request"},
		row{Why: "no number", XML: `<fallback` + ns + `><body start='-1' end='2'/></fallback>`, Err: "bad-request"},
	)
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		body       string
		r          fallback.Range
		before, in string
		behind     string
		ok         bool
	}{
		{"> 你好 👋\nyes", fallback.Range{0, 7}, "", "> 你好 👋\n", "yes", true},
		{"abc", fallback.Range{1, 2}, "a", "b", "c", true},
		{"abc", fallback.Range{3, 3}, "abc", "", "", true},
		{"abc", fallback.Range{0, 4}, "", "", "", false},
		{"", fallback.Range{0, 0}, "", "", "", true},
		{"abc", fallback.Range{4_000_000_000, 4_000_000_001}, "", "", "", false},
	} {
		if b, p, e, ok := c.r.Cut(c.body); b != c.before || p != c.in || e != c.behind || ok != c.ok {
			t.Errorf("%q cut at %v: %q %q %q %v", c.body, c.r, b, p, e, ok)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`<fallback`+ns+` for='urn:xmpp:reply:0'><body start='0' end='38'/></fallback>`), "body")
	f.Add([]byte(`<fallback`+ns+`><body/><subject start='1'/></fallback>`), "")
	f.Fuzz(func(t *testing.T, data []byte, body string) {
		codectest.Walk(t, data, map[string]codectest.Parser{"fallback": codectest.Of(func(n xmlstream.Node) (fallback.Fallback, error) {
			f, err := fallback.Parse(n)
			for _, r := range f.Body {
				if before, in, behind, ok := r.Cut(body); ok && before+in+behind != body {
					t.Errorf("%q cut into %q %q %q", body, before, in, behind)
				}
			}
			return f, err
		})})
	})
}
