package roster_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"godwit/jid"
	"godwit/stanza"
	"godwit/xep/internal/codectest"
	"godwit/xep/roster"
	"godwit/xmlstream"
)

const ns = ` xmlns='jabber:iq:roster'`

func query(inner string) string { return `<query` + ns + `>` + inner + `</query>` }

func TestQuery(t *testing.T) {
	type row = codectest.Row[roster.Query]
	bob := jid.MustParse("bob@b.example")
	codectest.Table(t, roster.Parse,
		row{Why: "request without versions", XML: `<query` + ns + `/>`, Want: roster.Query{}},
		row{Why: "request with versions, none held", XML: `<query` + ns + ` ver=''/>`, Want: roster.Query{HasVer: true}},
		row{Why: "request for what changed", XML: `<query` + ns + ` ver='7'/>`, Want: roster.Query{Ver: "7", HasVer: true}},
		row{Why: "a result", XML: `<query` + ns + ` ver='8'><item jid='bob@b.example' name='Bob' subscription='both'><group>Friends</group><group>Work</group></item><item jid='eve@b.example' subscription='none' ask='subscribe' approved='true'/></query>`,
			Want: roster.Query{Ver: "8", HasVer: true, Items: []roster.Item{
				{JID: bob, Name: "Bob", Subscription: roster.Both, Groups: []string{"Friends", "Work"}},
				{JID: jid.MustParse("eve@b.example"), Subscription: roster.None, Ask: true, Approved: true}}}},
		row{Why: "a removal", XML: query(`<item jid='bob@b.example' subscription='remove'/>`), Want: roster.Query{Items: []roster.Item{{JID: bob, Subscription: roster.Remove}}}},
		row{Why: "what nobody knows is none", XML: query(`<item jid='bob@b.example' subscription='sideways' ask='maybe'/>`), Want: roster.Query{Items: []roster.Item{{JID: bob, Subscription: roster.None}}},
			Out: query(`<item jid='bob@b.example' subscription='none'/>`)},
		row{Why: "a group twice is once", XML: query(`<item jid='bob@b.example' subscription='to'><group>A</group><group>A</group></item>`), Want: roster.Query{Items: []roster.Item{{JID: bob, Subscription: roster.To, Groups: []string{"A"}}}},
			Out: query(`<item jid='bob@b.example' subscription='to'><group>A</group></item>`)},
		row{Why: "a contact without an address", XML: query(`<item name='Bob'/>`), Err: "bad-request"},
		row{Why: "an address that is none", XML: query(`<item jid='@'/>`), Err: "jid-malformed"},
		row{Why: "approved: perhaps", XML: query(`<item jid='bob@b.example' approved='perhaps'/>`), Err: "bad-request"},
		row{Why: "a version without end", XML: `<query` + ns + ` ver='` + strings.Repeat("1", 2000) + `'/>`, Err: "not-acceptable"},
		row{Why: "another query", XML: `<query xmlns='jabber:iq:private'/>`, Err: "bad-request"},
	)
}

func TestManyGroups(t *testing.T) {
	var b strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&b, "<group>g%d</group>", i%500)
	}
	q, err := roster.Parse(codectest.Node(t, query(`<item jid='bob@b.example'>`+b.String()+`</item>`)))
	if err != nil || len(q.Items[0].Groups) != 500 {
		t.Fatalf("%d groups of 500, %v", len(q.Items[0].Groups), err)
	}
}

func TestParseSet(t *testing.T) {
	bob := jid.MustParse("bob@b.example")
	names := func(n int) (all []string) {
		for i := range n {
			all = append(all, fmt.Sprintf("g%d", i))
		}
		return all
	}
	groups := func(n int) string { return "<group>" + strings.Join(names(n), "</group><group>") + "</group>" }
	for _, row := range []struct {
		why, xml string
		want     roster.Item
		err      string
	}{
		{"a new contact", query(`<item jid='bob@b.example' name='Bob'><group>Work</group></item>`), roster.Item{JID: bob, Name: "Bob", Groups: []string{"Work"}}, ""},
		{"a client cannot give itself a subscription (§2.1.2.5)", query(`<item jid='bob@b.example' subscription='both' ask='subscribe' approved='true'/>`), roster.Item{JID: bob}, ""},
		{"a removal, whatever else it says", query(`<item jid='bob@b.example' name='Bob' subscription='remove'><group/></item>`), roster.Item{JID: bob, Subscription: roster.Remove}, ""},
		{"a whole domain", query(`<item jid='b.example'/>`), roster.Item{JID: jid.MustParse("b.example")}, ""},
		{"text between is no item", query(` <item jid='bob@b.example'/> `), roster.Item{JID: bob}, ""},
		{"as many groups as may be", query(`<item jid='bob@b.example'>` + groups(roster.MaxGroups) + `</item>`), roster.Item{JID: bob, Groups: names(roster.MaxGroups)}, ""},
		{"one group more", query(`<item jid='bob@b.example'>` + groups(roster.MaxGroups+1) + `</item>`), roster.Item{}, "not-acceptable"},
		{"two items (§2.3.3)", query(`<item jid='a@b.example'/><item jid='b@b.example'/>`), roster.Item{}, "bad-request"},
		{"no item", `<query` + ns + `/>`, roster.Item{}, "bad-request"},
		{"no address", query(`<item/>`), roster.Item{}, "bad-request"},
		{"a bad address", query(`<item jid='@'/>`), roster.Item{}, "jid-malformed"},
		{"a full address", query(`<item jid='bob@b.example/r'/>`), roster.Item{}, "bad-request"},
		{"a group twice (§2.3.3)", query(`<item jid='bob@b.example'><group>A</group><group>A</group></item>`), roster.Item{}, "bad-request"},
		{"a group without a name (§2.3.3)", query(`<item jid='bob@b.example'><group/></item>`), roster.Item{}, "not-acceptable"},
		{"a group's name too long (§2.3.3)", query(`<item jid='bob@b.example'><group>` + strings.Repeat("g", roster.MaxGroup+1) + `</group></item>`), roster.Item{}, "not-acceptable"},
		{"a name too long (§2.3.3)", query(`<item jid='bob@b.example' name='` + strings.Repeat("n", roster.MaxName+1) + `'/>`), roster.Item{}, "not-acceptable"},
		{"another element", query(`<thing jid='bob@b.example'/>`), roster.Item{}, "bad-request"},
	} {
		got, err := roster.ParseSet(codectest.Node(t, row.xml))
		var se *stanza.Error
		switch {
		case row.err != "":
			if se, _ = err.(*stanza.Error); se == nil || se.Condition != row.err {
				t.Errorf("%s: %v, want %s", row.why, err, row.err)
			}
		case err != nil || !reflect.DeepEqual(got, row.want):
			t.Errorf("%s: %+v, %v, want %+v", row.why, got, err, row.want)
		}
	}
}

func TestSubscription(t *testing.T) {
	for _, row := range []struct {
		s               roster.Subscription
		sees, seenByHim bool
	}{{"", false, false}, {roster.None, false, false}, {roster.To, true, false}, {roster.From, false, true}, {roster.Both, true, true}, {roster.Remove, false, false}} {
		if row.s.SeesContact() != row.sees || row.s.SeenByContact() != row.seenByHim {
			t.Errorf("%q: sees %v, seen %v", row.s, row.s.SeesContact(), row.s.SeenByContact())
		}
	}
}

func TestFeatures(t *testing.T) {
	if got := codectest.Write(t, roster.Versioning{}); got != `<ver xmlns='urn:xmpp:features:rosterver'/>` {
		t.Error(got)
	}
	if got := codectest.Write(t, roster.PreApproval{}); got != `<sub xmlns='urn:xmpp:features:pre-approval'/>` {
		t.Error(got)
	}
}

func benchQuery() roster.Query {
	q := roster.Query{Ver: "100", HasVer: true}
	for i := range 100 {
		q.Items = append(q.Items, roster.Item{JID: jid.MustParse(fmt.Sprintf("friend%d@b.example", i)), Name: fmt.Sprintf("Friend %d", i),
			Subscription: roster.Both, Groups: []string{"Friends"}})
	}
	return q
}

func BenchmarkEncode100(b *testing.B) {
	q := benchQuery()
	buf := make([]byte, 0, 32<<10)
	b.ReportAllocs()
	for b.Loop() {
		q.Encode(xmlstream.NewEncoder(buf[:0], ""))
	}
}

func BenchmarkParse100(b *testing.B) {
	n := codectest.Node(b, codectest.Write(b, benchQuery()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := roster.Parse(n); err != nil {
			b.Fatal(err)
		}
	}
}
