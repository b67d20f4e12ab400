package version_test

import (
	"strings"
	"testing"

	"godwit/xep/internal/codectest"
	"godwit/xep/version"
)

func TestVersion(t *testing.T) {
	type row = codectest.Row[version.Version]
	const ns = ` xmlns='jabber:iq:version'`
	codectest.Table(t, version.Parse,
		row{Why: "request", XML: `<query` + ns + `/>`, Want: version.Version{}},
		row{Why: "answer", XML: `<query` + ns + `><name>Godwit</name><version>0.1</version><os>Linux</os></query>`, Want: version.Version{Name: "Godwit", Version: "0.1", OS: "Linux"}},
		row{Why: "the system is private", XML: `<query` + ns + `><name>Godwit</name><version>0.1</version></query>`, Want: version.Version{Name: "Godwit", Version: "0.1"}},
		row{Why: "a long story is cut, and not within a character", XML: `<query` + ns + `><name>` + strings.Repeat("x", version.MaxText-1) + `é</name><version>1</version></query>`,
			Want: version.Version{Name: strings.Repeat("x", version.MaxText-1), Version: "1"},
			Out:  `<query` + ns + `><name>` + strings.Repeat("x", version.MaxText-1) + `</name><version>1</version></query>`},
		row{Why: "half an answer", XML: `<query` + ns + `><name>Godwit</name></query>`, Err: "bad-request"},
		row{Why: "only a system", XML: `<query` + ns + `><os>Linux</os></query>`, Err: "bad-request"},
		row{Why: "another query", XML: `<query xmlns='jabber:iq:last'/>`, Err: "bad-request"},
	)
}
