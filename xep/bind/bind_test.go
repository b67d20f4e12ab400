package bind_test

import (
	"strings"
	"testing"

	"godwit/jid"
	"godwit/xep/bind"
	"godwit/xep/internal/codectest"
)

type row = codectest.Row[bind.Bind]

func TestBind(t *testing.T) {
	const ns = ` xmlns='urn:ietf:params:xml:ns:xmpp-bind'`
	codectest.Table(t, bind.Parse,
		row{Why: "the server chooses", XML: `<bind` + ns + `/>`, Want: bind.Bind{}},
		row{Why: "the client chooses", XML: `<bind` + ns + `><resource>balcony</resource></bind>`, Want: bind.Bind{Resource: "balcony"}},
		row{Why: "an empty choice is none", XML: `<bind` + ns + `><resource/></bind>`, Want: bind.Bind{}, Out: `<bind` + ns + `/>`},
		row{Why: "bound", XML: `<bind` + ns + `><jid>alice@a.example/balcony</jid></bind>`, Want: bind.Bind{JID: jid.MustParse("alice@a.example/balcony")}},
		row{Why: "the longest resource", XML: `<bind` + ns + `><resource>` + strings.Repeat("r", 1023) + `</resource></bind>`, Want: bind.Bind{Resource: strings.Repeat("r", 1023)}},
		row{Why: "one byte more", XML: `<bind` + ns + `><resource>` + strings.Repeat("r", 1024) + `</resource></bind>`, Err: "not-acceptable"},
		row{Why: "bound without a resource", XML: `<bind` + ns + `><jid>alice@a.example</jid></bind>`, Err: "bad-request"},
		row{Why: "bound to nonsense", XML: `<bind` + ns + `><jid>@/</jid></bind>`, Err: "jid-malformed"},
		row{Why: "the other bind", XML: `<bind xmlns='urn:xmpp:bind:0'/>`, Err: "bad-request"},
	)
}
