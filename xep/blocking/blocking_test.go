package blocking_test

import (
	"fmt"
	"strings"
	"testing"

	"godwit/jid"
	"godwit/stanza"
	"godwit/xep/blocking"
	"godwit/xep/internal/codectest"
)

const ns = ` xmlns='urn:xmpp:blocking'`

func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "<item jid='u%d@b.example'/>", i)
	}
	return b.String()
}

func TestList(t *testing.T) {
	type row = codectest.Row[blocking.List]
	codectest.Table(t, blocking.ParseList,
		row{Why: "a request, or nobody is blocked", XML: `<blocklist` + ns + `/>`, Want: blocking.List{}},
		row{Why: "a person, a device, a domain", XML: `<blocklist` + ns + `><item jid='romeo@a.example'/><item jid='iago@a.example/r'/><item jid='spam.example'/></blocklist>`,
			Want: blocking.List{Items: []jid.JID{jid.MustParse("romeo@a.example"), jid.MustParse("iago@a.example/r"), jid.MustParse("spam.example")}}},
		row{Why: "what is no item is passed over", XML: `<blocklist` + ns + `><thing/><item xmlns='urn:example'/></blocklist>`, Want: blocking.List{}, Out: `<blocklist` + ns + `/>`},
		row{Why: "no address", XML: `<blocklist` + ns + `><item/></blocklist>`, Err: "bad-request"},
		row{Why: "an address that is none", XML: `<blocklist` + ns + `><item jid='@'/></blocklist>`, Err: "jid-malformed"},
		row{Why: "another element", XML: `<block` + ns + `/>`, Err: "bad-request"},
	)
}

func TestCommand(t *testing.T) {
	type row = codectest.Row[blocking.Command]
	romeo := []jid.JID{jid.MustParse("romeo@a.example")}
	codectest.Table(t, blocking.ParseCommand,
		row{Why: "block one", XML: `<block` + ns + `><item jid='romeo@a.example'/></block>`, Want: blocking.Command{Items: romeo}},
		row{Why: "one address in two spellings is one", XML: `<block` + ns + `><item jid='romeo@a.example'/><item jid='ROMEO@A.example'/></block>`, Want: blocking.Command{Items: romeo},
			Out: `<block` + ns + `><item jid='romeo@a.example'/></block>`},
		row{Why: "unblock one", XML: `<unblock` + ns + `><item jid='romeo@a.example'/></unblock>`, Want: blocking.Command{Unblock: true, Items: romeo}},
		row{Why: "unblock all (§3.5)", XML: `<unblock` + ns + `/>`, Want: blocking.Command{Unblock: true}},
		row{Why: "block nobody (§3.3)", XML: `<block` + ns + `/>`, Err: "bad-request"},
		row{Why: "block an address that is none", XML: `<block` + ns + `><item jid='a@b@c'/></block>`, Err: "jid-malformed"},
		row{Why: "more than one command may name", XML: `<block` + ns + `>` + many(blocking.MaxItems+1) + `</block>`, Err: "not-acceptable"},
		row{Why: "another element", XML: `<blocklist` + ns + `/>`, Err: "bad-request"},
	)
	c, err := blocking.ParseCommand(codectest.Node(t, `<block`+ns+`>`+many(500)+many(500)+`</block>`))
	if err != nil || len(c.Items) != 500 {
		t.Errorf("%d addresses of 500, %v", len(c.Items), err)
	}
}

func TestError(t *testing.T) {
	const xml = `<error xmlns='jabber:client' type='cancel' code='406'><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><blocked xmlns='urn:xmpp:blocking:errors'/></error>`
	e, err := stanza.ParseError(codectest.Node(t, xml))
	if err != nil || !blocking.IsBlocked(e) {
		t.Errorf("%v, %v", e, err)
	}
	if got := blocking.ErrBlocked(); got.Type != stanza.Cancel || got.Condition != "not-acceptable" || !blocking.IsBlocked(got) {
		t.Errorf("%+v", got)
	}
	if blocking.IsBlocked(stanza.ErrNotAcceptable()) || blocking.IsBlocked(nil) {
		t.Error("every error counts as blocked")
	}
}
