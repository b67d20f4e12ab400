package archive_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"godwit/jid"
	"godwit/xep/archive"
	"godwit/xep/dataform"
	"godwit/xep/forward"
	"godwit/xep/internal/codectest"
	"godwit/xep/rsm"
	"godwit/xmlstream"
)

const ns = ` xmlns='urn:xmpp:mam:2'`

func form(fields string) string {
	return `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value></field>` + fields + `</x>`
}

func query(inner string) string { return `<query` + ns + `>` + inner + `</query>` }

func field(name string, values ...string) string {
	s := `<field var='` + name + `'>`
	for _, v := range values {
		s += `<value>` + v + `</value>`
	}
	return s + `</field>`
}

func TestQuery(t *testing.T) {
	type row = codectest.Row[archive.Query]
	start := time.Date(2026, 6, 7, 0, 0, 0, 0, time.UTC)
	codectest.Table(t, archive.ParseQuery,
		row{Why: "everything", XML: `<query` + ns + ` queryid='f27'/>`, Want: archive.Query{QueryID: "f27"}},
		row{Why: "every field", XML: query(form(field("with", "bob@b.example") + field("start", "2026-06-07T00:00:00Z") + field("end", "2026-06-08T00:00:00Z") +
			field("before-id", "9") + field("after-id", "1") + field("ids", "3", "4") + field("include-groupchat", "false"))),
			Want: archive.Query{HasForm: true, With: jid.MustParse("bob@b.example"), Start: start, End: start.Add(24 * time.Hour),
				BeforeID: "9", AfterID: "1", IDs: []string{"3", "4"}, IncludeGroupchat: archive.No}},
		row{Why: "a page, newest first", XML: query(`<set xmlns='http://jabber.org/protocol/rsm'><max>10</max><before/></set><flip-page/>`),
			Want: archive.Query{Paged: true, Page: rsm.Request{Max: rsm.Some(10), Backward: true}, FlipPage: true}},
		row{Why: "an empty page request is one", XML: query(`<set xmlns='http://jabber.org/protocol/rsm'/>`), Want: archive.Query{Paged: true}},
		row{Why: "an empty form is a form", XML: query(form("")), Want: archive.Query{HasForm: true}},
		row{Why: "an empty field does not restrict", XML: query(form(field("with", "") + field("start"))), Want: archive.Query{HasForm: true}, Out: query(form(""))},
		row{Why: "both ways of yes", XML: query(form(field("include-groupchat", "1"))), Want: archive.Query{HasForm: true, IncludeGroupchat: archive.Yes},
			Out: query(form(field("include-groupchat", "true")))},
		row{Why: "a node", XML: `<query` + ns + ` node='n'/>`, Want: archive.Query{Node: "n"}},
		row{Why: "a field nobody knows must not be ignored (§4.1.5)", XML: query(form(field("{urn:example}text", "x"))), Err: "feature-not-implemented"},
		row{Why: "a form of another type", XML: query(`<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:1</value></field></x>`), Err: "bad-request"},
		row{Why: "a form of no type", XML: query(`<x xmlns='jabber:x:data' type='submit'/>`), Err: "bad-request"},
		row{Why: "two forms", XML: query(form("") + form("")), Err: "bad-request"},
		row{Why: "a field twice", XML: query(form(field("with", "a@a.example") + field("with", "b@b.example"))), Err: "bad-request"},
		row{Why: "two values where one belongs", XML: query(form(field("with", "a@a.example", "b@b.example"))), Err: "bad-request"},
		row{Why: "with whom?", XML: query(form(field("with", "@"))), Err: "jid-malformed"},
		row{Why: "since when?", XML: query(form(field("start", "yesterday"))), Err: "bad-request"},
		row{Why: "until when?", XML: query(form(field("end", "2026-13-01T00:00:00Z"))), Err: "bad-request"},
		row{Why: "groups: maybe", XML: query(form(field("include-groupchat", "maybe"))), Err: "bad-request"},
		row{Why: "a message without an id", XML: query(form(field("ids", "1", ""))), Err: "bad-request"},
		row{Why: "an id as long as a book", XML: query(form(field("after-id", strings.Repeat("x", rsm.MaxID+1)))), Err: "bad-request"},
		row{Why: "more ids than one query may name", XML: query(form(field("ids", strings.Split(strings.Repeat("x,", archive.MaxIDs)+"x", ",")...))), Err: "not-acceptable"},
		row{Why: "a negative page", XML: query(`<set xmlns='http://jabber.org/protocol/rsm'><max>-5</max></set>`), Err: "bad-request"},
		row{Why: "an older version", XML: `<query xmlns='urn:xmpp:mam:1'/>`, Err: "bad-request"},
	)
}

func TestFieldsAreAForm(t *testing.T) {
	n := codectest.Node(t, codectest.Write(t, archive.Fields{Groupchat: true}))
	x, ok := n.Child(dataform.NS, "x")
	if !ok || n.Name.Local != "query" || n.Name.Space != archive.NS {
		t.Fatalf("no form in %v", n)
	}
	f, err := dataform.Parse(x)
	if err != nil || f.Type != dataform.TypeForm || f.FormType() != archive.NS {
		t.Fatalf("%+v, %v", f, err)
	}
	for _, name := range []string{"with", "start", "end", "before-id", "after-id", "ids", "include-groupchat"} {
		if _, ok := f.Field(name); !ok {
			t.Errorf("no field %s, which a server must list", name)
		}
	}
	if ids, _ := f.Field("ids"); len(ids.Extra) != 1 {
		t.Error("ids are not open to values of the client")
	}
	if q, err := archive.ParseQuery(n); err != nil || !q.HasForm {
		t.Errorf("a client cannot read the form: %v", err)
	}
}

func TestResult(t *testing.T) {
	type row = codectest.Row[archive.Result]
	s := codectest.Message(t, `<message xmlns='jabber:client' from='alice@a.example/r' to='bob@b.example' type='chat'><body>hi</body></message>`)
	f := forward.New(s, time.Date(2026, 11, 23, 6, 12, 0, 0, time.UTC))
	inner := codectest.Write(t, f)
	codectest.Table(t, archive.ParseResult,
		row{Why: "a message", XML: `<result` + ns + ` queryid='f27' id='28'>` + inner + `</result>`, Want: archive.Result{QueryID: "f27", ID: "28", Forwarded: f}},
		row{Why: "for a query without id", XML: `<result` + ns + ` id='28'>` + inner + `</result>`, Want: archive.Result{ID: "28", Forwarded: f}},
		row{Why: "without an archive id", XML: `<result` + ns + `>` + inner + `</result>`, Err: "bad-request"},
		row{Why: "without a message", XML: `<result` + ns + ` id='28'/>`, Err: "bad-request"},
		row{Why: "with two", XML: `<result` + ns + ` id='28'>` + inner + inner + `</result>`, Err: "bad-request"},
	)
}

func TestFin(t *testing.T) {
	type row = codectest.Row[archive.Fin]
	const set = `<set xmlns='http://jabber.org/protocol/rsm'><first>1</first><last>9</last></set>`
	page := rsm.Result{First: "1", Last: "9"}
	codectest.Table(t, archive.ParseFin,
		row{Why: "there is more", XML: `<fin` + ns + `>` + set + `</fin>`, Want: archive.Fin{Page: page}},
		row{Why: "that was all", XML: `<fin` + ns + ` complete='true'>` + set + `</fin>`, Want: archive.Fin{Complete: true, Page: page}},
		row{Why: "it may change", XML: `<fin` + ns + ` stable='false'>` + set + `</fin>`, Want: archive.Fin{Unstable: true, Page: page}},
		row{Why: "it will not change, said aloud", XML: `<fin` + ns + ` complete='false' stable='true'>` + set + `</fin>`, Want: archive.Fin{Page: page}, Out: `<fin` + ns + `>` + set + `</fin>`},
		row{Why: "nothing found", XML: `<fin` + ns + ` complete='true'><set xmlns='http://jabber.org/protocol/rsm'/></fin>`, Want: archive.Fin{Complete: true}},
		row{Why: "no page", XML: `<fin` + ns + `/>`, Err: "bad-request"},
		row{Why: "complete: perhaps", XML: `<fin` + ns + ` complete='perhaps'>` + set + `</fin>`, Err: "bad-request"},
		row{Why: "stable: perhaps", XML: `<fin` + ns + ` stable=''>` + set + `</fin>`, Err: "bad-request"},
	)
}

func TestMetadata(t *testing.T) {
	type row = codectest.Row[archive.Metadata]
	at := time.Date(2026, 11, 23, 6, 12, 0, 0, time.UTC)
	const start, end = `<start id='1' timestamp='2026-11-23T06:12:00Z'/>`, `<end id='9' timestamp='2026-11-23T06:12:00Z'/>`
	codectest.Table(t, archive.ParseMetadata,
		row{Why: "request, or an empty archive", XML: `<metadata` + ns + `/>`, Want: archive.Metadata{}},
		row{Why: "both ends", XML: `<metadata` + ns + `>` + start + end + `</metadata>`, Want: archive.Metadata{Start: archive.Mark{ID: "1", Time: at}, End: archive.Mark{ID: "9", Time: at}}},
		row{Why: "one end", XML: `<metadata` + ns + `>` + start + `</metadata>`, Err: "bad-request"},
		row{Why: "an end without a time", XML: `<metadata` + ns + `>` + start + `<end id='9'/></metadata>`, Err: "bad-request"},
		row{Why: "an end without an id", XML: `<metadata` + ns + `>` + start + `<end timestamp='2026-11-23T06:12:00Z'/></metadata>`, Err: "bad-request"},
	)
}

func TestPrefs(t *testing.T) {
	type row = codectest.Row[archive.Prefs]
	var many strings.Builder
	for i := range archive.MaxPrefs + 1 {
		fmt.Fprintf(&many, "<jid>u%d@a.example</jid>", i)
	}
	bob := jid.MustParse("bob@b.example")
	codectest.Table(t, archive.ParsePrefs,
		row{Why: "request", XML: `<prefs` + ns + `/>`, Want: archive.Prefs{}},
		row{Why: "both lists are there though empty", XML: `<prefs` + ns + ` default='roster'><always/><never/></prefs>`, Want: archive.Prefs{Default: archive.Roster}},
		row{Why: "lists", XML: `<prefs` + ns + ` default='never'><always><jid>bob@b.example</jid></always><never><jid>eve@b.example/x</jid></never></prefs>`,
			Want: archive.Prefs{Default: archive.Never, Always: []jid.JID{bob}, Never: []jid.JID{jid.MustParse("eve@b.example/x")}}},
		row{Why: "missing lists are empty ones, and nobody counts twice", XML: `<prefs` + ns + ` default='always'><always><jid>bob@b.example</jid><jid>Bob@B.example</jid></always></prefs>`,
			Want: archive.Prefs{Default: archive.Always, Always: []jid.JID{bob}},
			Out:  `<prefs` + ns + ` default='always'><always><jid>bob@b.example</jid></always><never/></prefs>`},
		row{Why: "a default that is none", XML: `<prefs` + ns + ` default='sometimes'/>`, Err: "bad-request"},
		row{Why: "an address that is none", XML: `<prefs` + ns + ` default='always'><always><jid/></always></prefs>`, Err: "jid-malformed"},
		row{Why: "a list without end", XML: `<prefs` + ns + ` default='always'><never>` + many.String() + `</never></prefs>`, Err: "not-acceptable"},
	)
}

func benchResult(b *testing.B) archive.Result {
	s := codectest.Message(b, `<message xmlns='jabber:client' from='alice@a.example/r' to='bob@b.example' type='chat' id='m1'>`+
		`<body>Shall we meet at noon?</body><active xmlns='http://jabber.org/protocol/chatstates'/>`+
		`<origin-id xmlns='urn:xmpp:sid:0' id='m1'/><request xmlns='urn:xmpp:receipts'/></message>`)
	return archive.Result{QueryID: "q1", ID: "28", Forwarded: forward.New(s, time.Date(2026, 11, 23, 6, 12, 0, 0, time.UTC))}
}

func BenchmarkEncodeResult(b *testing.B) {
	r := benchResult(b)
	buf := make([]byte, 0, 2048)
	b.ReportAllocs()
	for b.Loop() {
		e := xmlstream.NewEncoder(buf[:0], "jabber:client")
		r.Encode(e)
		if e.Err() != nil {
			b.Fatal(e.Err())
		}
	}
}

func BenchmarkParseResult(b *testing.B) {
	n := codectest.Node(b, codectest.Write(b, benchResult(b)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := archive.ParseResult(n); err != nil {
			b.Fatal(err)
		}
	}
}
