package disco_test

import (
	"strings"
	"testing"

	"godwit/jid"
	"godwit/xep/dataform"
	"godwit/xep/disco"
	"godwit/xep/internal/codectest"
)

func TestInfo(t *testing.T) {
	type row = codectest.Row[disco.Info]
	const ns = ` xmlns='http://jabber.org/protocol/disco#info'`
	codectest.Table(t, disco.ParseInfo,
		row{Why: "request", XML: `<query` + ns + `/>`, Want: disco.Info{}},
		row{Why: "request for a node", XML: `<query` + ns + ` node='http://a.example#v1'/>`, Want: disco.Info{Node: "http://a.example#v1"}},
		row{Why: "answer", XML: `<query` + ns + `><identity category='client' type='pc' name='Godwit' xml:lang='en'/><identity category='client' type='bot'/><feature var='b'/><feature var='a'/>` +
			`<x xmlns='jabber:x:data' type='result'><field var='FORM_TYPE' type='hidden'><value>urn:example</value></field></x></query>`,
			Want: disco.Info{Identities: []disco.Identity{{Category: "client", Type: "pc", Lang: "en", Name: "Godwit"}, {Category: "client", Type: "bot"}},
				Features: []string{"b", "a"}, Forms: []dataform.Form{dataform.New(dataform.TypeResult, "urn:example")}}},
		row{Why: "a feature twice stays there twice", XML: `<query` + ns + `><feature var='a'/><feature var='a'/></query>`, Want: disco.Info{Features: []string{"a", "a"}}},
		row{Why: "a feature without a name says nothing", XML: `<query` + ns + `><feature/></query>`, Want: disco.Info{}, Out: `<query` + ns + `/>`},
		row{Why: "a broken form", XML: `<query` + ns + `><x xmlns='jabber:x:data'/></query>`, Err: "bad-request"},
		row{Why: "a node without end", XML: `<query` + ns + ` node='` + strings.Repeat("n", 4000) + `'/>`, Err: "not-acceptable"},
		row{Why: "the other query", XML: `<query xmlns='http://jabber.org/protocol/disco#items'/>`, Err: "bad-request"},
	)
	info := disco.Info{Identities: []disco.Identity{{Category: "server", Type: "im"}}, Features: []string{"a"}}
	if !info.Has("a") || info.Has("b") || !info.Is("server", "im") || !info.Is("server", "") || info.Is("server", "pc") || info.Is("client", "") {
		t.Error("features or identities are not looked up")
	}
}

func TestItems(t *testing.T) {
	type row = codectest.Row[disco.Items]
	const ns = ` xmlns='http://jabber.org/protocol/disco#items'`
	codectest.Table(t, disco.ParseItems,
		row{Why: "request", XML: `<query` + ns + ` node='n'/>`, Want: disco.Items{Node: "n"}},
		row{Why: "answer", XML: `<query` + ns + `><item jid='rooms.a.example' name='Rooms'/><item jid='a.example' node='x'/></query>`,
			Want: disco.Items{Items: []disco.Item{{JID: jid.MustParse("rooms.a.example"), Name: "Rooms"}, {JID: jid.MustParse("a.example"), Node: "x"}}}},
		row{Why: "one bad address does not hide the others", XML: `<query` + ns + `><item jid='@'/><item/><item jid='a.example'/></query>`,
			Want: disco.Items{Items: []disco.Item{{JID: jid.MustParse("a.example")}}}, Out: `<query` + ns + `><item jid='a.example'/></query>`},
		row{Why: "the other query", XML: `<query xmlns='http://jabber.org/protocol/disco#info'/>`, Err: "bad-request"},
	)
}
