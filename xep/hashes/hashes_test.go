package hashes_test

import (
	"strings"
	"testing"

	"godwit/xep/hashes"
	"godwit/xep/internal/codectest"
)

const ns = ` xmlns='urn:xmpp:hashes:2'`

func TestHash(t *testing.T) {
	type row = codectest.Row[hashes.Hash]
	codectest.Table(t, hashes.Parse,
		row{Why: "a digest", XML: `<hash` + ns + ` algo='sha-256'>AQID</hash>`, Want: hashes.Hash{Algo: "sha-256", Value: []byte{1, 2, 3}}},
		row{Why: "only the function", XML: `<hash-used` + ns + ` algo='sha-256'/>`, Want: hashes.Hash{Algo: "sha-256"}},
		row{Why: "the same in the old way", XML: `<hash` + ns + ` algo='sha-256'/>`, Want: hashes.Hash{Algo: "sha-256"}, Out: `<hash-used` + ns + ` algo='sha-256'/>`},
		row{Why: "no function", XML: `<hash` + ns + `>AQID</hash>`, Err: "bad-request"},
		row{Why: "not base64", XML: `<hash` + ns + ` algo='sha-256'>!</hash>`, Err: "bad-request"},
		row{Why: "a digest without end", XML: `<hash` + ns + ` algo='x'>` + strings.Repeat("A", 400) + `</hash>`, Err: "not-acceptable"},
		row{Why: "an older version", XML: `<hash xmlns='urn:xmpp:hashes:1' algo='x'>AQID</hash>`, Err: "bad-request"},
	)
	list := []hashes.Hash{{Algo: "sha-1", Value: []byte{9}}, {Algo: "sha-256"}, {Algo: "sha-256", Value: []byte{7}}}
	if got := hashes.Find(list, hashes.SHA256); len(got) != 1 || got[0] != 7 {
		t.Error(got)
	}
	if got := hashes.Find(list, "md5"); got != nil {
		t.Error(got)
	}
}
