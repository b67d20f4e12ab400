package hints_test

import (
	"testing"

	"godwit/xep/hints"
	"godwit/xep/internal/codectest"
)

func TestHint(t *testing.T) {
	type row = codectest.Row[hints.Hint]
	const ns = ` xmlns='urn:xmpp:hints'`
	codectest.Table(t, hints.Parse,
		row{Why: "not in an archive", XML: `<no-permanent-store` + ns + `/>`, Want: hints.NoPermanentStore},
		row{Why: "not at all", XML: `<no-store` + ns + `/>`, Want: hints.NoStore},
		row{Why: "no copies", XML: `<no-copy` + ns + `/>`, Want: hints.NoCopy},
		row{Why: "do keep it", XML: `<store` + ns + `/>`, Want: hints.Store},
		row{Why: "a hint nobody knows", XML: `<no-print` + ns + `/>`, Err: "bad-request"},
		row{Why: "another namespace", XML: `<store xmlns='urn:example'/>`, Err: "bad-request"},
	)
	both := hints.NoStore | hints.NoCopy
	if !both.Has(hints.NoStore) || both.Has(hints.Store) || both.Has(hints.NoStore|hints.Store) {
		t.Error("a set does not know its members")
	}
	if got := codectest.Write(t, both); got != `<no-store`+ns+`/><no-copy`+ns+`/>` {
		t.Errorf("a set writes %s", got)
	}
}
