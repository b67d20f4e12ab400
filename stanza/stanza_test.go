package stanza

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"godwit/jid"
	"godwit/xmlstream"
)

func parse(t testing.TB, text string) (*Stanza, error) {
	t.Helper()
	el, err := xmlstream.ParseElement([]byte(text), xmlstream.DefaultLimits())
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return FromElement(&el)
}

func mustParse(t testing.TB, text string) *Stanza {
	t.Helper()
	s, err := parse(t, text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s
}

// client gives a stanza's text the client namespace.
func client(text string) string {
	i := strings.IndexAny(text, " />")
	return text[:i] + " xmlns='jabber:client'" + text[i:]
}

func TestHead(t *testing.T) {
	for _, tt := range []struct {
		why, in   string
		condition string // of the error due, "" for none
		kind      Kind
		typ       string
	}{
		{"message without type is normal (RFC 6121 §5.2.2)", "<message to='a@b'/>", "", Message, Normal},
		{"message of type normal", "<message type='normal'/>", "", Message, Normal},
		{"message of unknown type is normal (§5.2.2)", "<message type='shout'/>", "", Message, Normal},
		{"chat", "<message type='chat'/>", "", Message, Chat},
		{"headline", "<message type='headline'/>", "", Message, Headline},
		{"groupchat", "<message type='groupchat'/>", "", Message, Groupchat},
		{"error message", "<message type='error'/>", "", Message, ErrorType},
		{"available", "<presence/>", "", Presence, Available},
		{"type is case-sensitive", "<presence type='Unavailable'/>", "bad-request", Presence, "Unavailable"},
		{"unknown presence type (RFC 6121 §4.7.1)", "<presence type='invisible'/>", "bad-request", Presence, "invisible"},
		{"subscribe", "<presence type='subscribe' to='a@b'/>", "", Presence, Subscribe},
		{"subscribed", "<presence type='subscribed' to='a@b'/>", "", Presence, Subscribed},
		{"unsubscribe", "<presence type='unsubscribe' to='a@b'/>", "", Presence, Unsubscribe},
		{"unsubscribed", "<presence type='unsubscribed' to='a@b'/>", "", Presence, Unsubscribed},
		{"probe", "<presence type='probe' to='a@b'/>", "", Presence, Probe},
		{"unavailable", "<presence type='unavailable'/>", "", Presence, Unavailable},
		{"get", "<iq type='get' id='1'><q xmlns='u'/></iq>", "", IQ, Get},
		{"set", "<iq type='set' id='1'><q xmlns='u'/></iq>", "", IQ, Set},
		{"empty result", "<iq type='result' id='1'/>", "", IQ, Result},
		{"result with payload", "<iq type='result' id='1'><q xmlns='u'/></iq>", "", IQ, Result},
		{"error", "<iq type='error' id='1'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>", "", IQ, ErrorType},
		{"error with the request sent back", "<iq type='error' id='1'><q xmlns='u'/><error type='cancel'/></iq>", "", IQ, ErrorType},
		{"white space beside the payload is none", "<iq type='get' id='1'>\n <q xmlns='u'/>\n</iq>", "", IQ, Get},
		{"iq without id (RFC 6120 §8.2.3)", "<iq type='get'><q xmlns='u'/></iq>", "bad-request", IQ, Get},
		{"iq with empty id", "<iq type='get' id=''><q xmlns='u'/></iq>", "bad-request", IQ, Get},
		{"iq without type (§8.2.3)", "<iq id='1'><q xmlns='u'/></iq>", "bad-request", IQ, ""},
		{"iq of unknown type", "<iq id='1' type='ask'><q xmlns='u'/></iq>", "bad-request", IQ, "ask"},
		{"get without payload (§8.2.3)", "<iq type='get' id='1'/>", "bad-request", IQ, Get},
		{"set with two payloads (§8.2.3)", "<iq type='set' id='1'><q xmlns='u'/><q xmlns='u'/></iq>", "bad-request", IQ, Set},
		{"result with two payloads (§8.2.3)", "<iq type='result' id='1'><q xmlns='u'/><q xmlns='u'/></iq>", "bad-request", IQ, Result},
		{"error without error (§8.2.3)", "<iq type='error' id='1'/>", "bad-request", IQ, ErrorType},
		{"bad to (§8.3.3.8)", "<message to='a@@b'/>", "jid-malformed", Message, Normal},
		{"bad from", "<presence from='@b'/>", "jid-malformed", Presence, Available},
		{"bad address weighs more than a bad type", "<iq to='a@' type='x'/>", "jid-malformed", IQ, "x"},
	} {
		s, err := parse(t, client(tt.in))
		var got string
		if e := (*Error)(nil); errors.As(err, &e) {
			got = e.Condition
		}
		if got != tt.condition || (err == nil) != (tt.condition == "") {
			t.Errorf("%s: got %v, want %q", tt.why, err, tt.condition)
		}
		if s == nil || s.Kind != tt.kind || s.Type != tt.typ {
			t.Errorf("%s: got %+v", tt.why, s)
		}
	}
	for _, in := range []string{"<message/>", "<message xmlns='jabber:component:accept'/>", "<body xmlns='jabber:client'/>", "<Message xmlns='jabber:client'/>",
		"<features xmlns='http://etherx.jabber.org/streams'/>"} {
		if s, err := parse(t, in); err != ErrNotStanza || s != nil {
			t.Errorf("%s: %v, %v", in, s, err)
		}
	}
}

func TestAddressesAndReplyOfBadStanza(t *testing.T) {
	s, err := parse(t, "<iq xmlns='jabber:client' from='a@b/c' to='x@' id='7' type='get'><q xmlns='u'/></iq>")
	if !errors.Is(err, ErrJIDMalformed()) {
		t.Fatal(err)
	}
	e := (*Error)(nil)
	errors.As(err, &e)
	got := s.ErrorReply(e).String()
	want := "<iq xmlns='jabber:client' to='a@b/c' id='7' type='error'><error type='modify' code='400'>" +
		"<jid-malformed xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>the to attribute is no valid address</text></error></iq>"
	if got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestAppend(t *testing.T) {
	for _, tt := range []struct{ why, in, inherited, want string }{
		{"on a client stream", "<message xmlns='jabber:client' id='1' to='b@c' type='chat' from='a@c/x' xml:lang='en'><body>hi</body></message>", NSClient,
			"<message from='a@c/x' to='b@c' id='1' type='chat' xml:lang='en'><body>hi</body></message>"},
		{"alone", "<presence xmlns='jabber:client'/>", "", "<presence xmlns='jabber:client'/>"},
		{"default type is left out", "<message xmlns='jabber:client' type='normal'/>", NSClient, "<message/>"},
		{"addresses are normalised", "<message xmlns='jabber:client' to='BOB@Example.ORG'/>", NSClient, "<message to='bob@example.org'/>"},
		{"empty attributes are none", "<message xmlns='jabber:client' to='' from='' id=''/>", NSClient, "<message/>"},
		{"values are escaped", "<message xmlns='jabber:client' id=\"'&lt;&amp;>\" xml:lang=\"'\"/>", NSClient, "<message id='&apos;&lt;&amp;&gt;' xml:lang='&apos;'/>"},
		{"other attributes are passed on", "<message xmlns='jabber:client' xmlns:p='u' p:a='1' b='2'/>", NSClient, "<message xmlns:ns1='u' ns1:a='1' b='2'/>"},
		{"server namespace on a client stream", "<message xmlns='jabber:server'><body>x</body></message>", NSClient, "<message xmlns='jabber:server'><body>x</body></message>"},
		{"content verbatim", "<message xmlns='jabber:client'> <x xmlns='u'><y/> z</x>\n</message>", NSClient, "<message> <x xmlns='u'><y/> z</x>\n</message>"},
	} {
		s := mustParse(t, tt.in)
		if got := string(s.Append([]byte("+"), tt.inherited)); got != "+"+tt.want {
			t.Errorf("%s:\n got %s\nwant +%s", tt.why, got, tt.want)
		}
		checkStanza(t, s)
	}
}

// checkStanza holds a stanza against what is true of every one: its bytes are canonical and give the same stanza.
func checkStanza(t testing.TB, s *Stanza) {
	t.Helper()
	text := s.String()
	el, err := xmlstream.ParseElement([]byte(text), xmlstream.ServerLimits())
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if got := string(el.Append(nil, "")); got != text {
		t.Fatalf("not canonical:\n%s\n%s", text, got)
	}
	again, _ := FromElement(&el)
	if again == nil || again.Kind != s.Kind || again.Type != s.Type || again.ID != s.ID || again.Lang != s.Lang || again.To != s.To || again.From != s.From ||
		again.ns != s.ns || !slices.Equal(again.children, s.children) || string(again.inner) != string(s.inner) {
		t.Fatalf("read again differs:\n%+v\n%+v", s, again)
	}
}

func TestContent(t *testing.T) {
	s := mustParse(t, "<message xmlns='jabber:client'><subject>s</subject><body>1 &lt; 2</body><body xml:lang='de'>zwei</body>"+
		"<active xmlns='http://jabber.org/protocol/chatstates'/><x xmlns='u' a='b'><y/></x></message>")
	if s.Body() != "1 < 2" || s.Text("subject") != "s" || s.Text("thread") != "" {
		t.Errorf("body %q, subject %q", s.Body(), s.Text("subject"))
	}
	if !s.Has("u", "x") || s.Has("u", "y") || s.Has("", "x") || !s.HasNS("u") || s.HasNS("v") {
		t.Error("Has is wrong")
	}
	if n, ok := s.Child("u", "x"); !ok || n.Attr("a") != "b" || len(n.Children) != 1 {
		t.Errorf("child %+v, %v", n, ok)
	}
	if n, ok := s.Child("u", "nothing"); ok || !n.IsZero() {
		t.Errorf("child that is not there: %+v", n)
	}
	if p, ok := s.Payload(); !ok || p != (xmlstream.Name{Space: NSClient, Local: "subject"}) {
		t.Errorf("payload %v", p)
	}
	if n, ok := s.PayloadNode(); !ok || n.InnerText() != "s" {
		t.Errorf("payload %+v", n)
	}
	var names, trees []string
	for n := range s.ChildNames() {
		names = append(names, n.Local)
	}
	for n := range s.Children() {
		trees = append(trees, n.Name.Local)
	}
	if want := []string{"subject", "body", "body", "active", "x"}; !slices.Equal(names, want) || !slices.Equal(trees, want) {
		t.Errorf("children %v, %v", names, trees)
	}
	if _, ok := mustParse(t, "<presence xmlns='jabber:client'/>").Payload(); ok {
		t.Error("payload of nothing")
	}
}

func TestCopies(t *testing.T) {
	s := mustParse(t, "<message xmlns='jabber:client' to='b@c' id='1'><body>x</body></message>")
	before := s.String()
	a := jid.MustParse("a@c/r")
	if got := s.WithFrom(a).WithTo(a.Bare()).WithID("2").WithType(Chat).WithLang("en").String(); got !=
		"<message xmlns='jabber:client' from='a@c/r' to='a@c' id='2' type='chat' xml:lang='en'><body>x</body></message>" {
		t.Error(got)
	}
	added := s.WithChildren(func(e *xmlstream.Encoder) { e.Leaf("urn:xmpp:hints", "store", "").Leaf(NSClient, "thread", "t") })
	other := s.WithChildren(func(e *xmlstream.Encoder) { e.Leaf("urn:xmpp:hints", "no-store", "") })
	if got := added.String(); got != "<message xmlns='jabber:client' to='b@c' id='1'><body>x</body><store xmlns='urn:xmpp:hints'/><thread>t</thread></message>" {
		t.Error(got)
	}
	if !other.Has("urn:xmpp:hints", "no-store") || other.Has("urn:xmpp:hints", "store") || added.Text("thread") != "t" {
		t.Error("copies share what they should not")
	}
	checkStanza(t, added)
	checkStanza(t, other)
	if got := s.WithChildren(func(e *xmlstream.Encoder) { e.Start("u", "left-open") }); got.String() != before {
		t.Errorf("unbalanced content got in: %s", got)
	}
	if s.String() != before {
		t.Errorf("the original changed: %s", s)
	}
	server := s.WithNS(NSServer)
	if got := server.String(); got != strings.Replace(before, "client", "server", 1) || server.Body() != "x" || s.Body() != "x" {
		t.Errorf("other namespace: %s, body %q", got, server.Body())
	}
	checkStanza(t, server)
}

func TestWithout(t *testing.T) {
	const sid = "urn:xmpp:sid:0"
	s := mustParse(t, "<message xmlns='jabber:client'> <stanza-id xmlns='urn:xmpp:sid:0' by='me@c' id='1'/><body>x</body>-<stanza-id xmlns='urn:xmpp:sid:0' by='you@c' id='2'/>"+
		"<stanza-id xmlns='urn:xmpp:sid:0' by='me@c' id='3'/>.</message>")
	forged := func(name xmlstream.Name, tree func() xmlstream.Node) bool {
		return name == xmlstream.Name{Space: sid, Local: "stanza-id"} && tree().Attr("by") == "me@c"
	}
	got := s.Without(forged)
	if want := "<message xmlns='jabber:client'> <body>x</body>-<stanza-id xmlns='urn:xmpp:sid:0' by='you@c' id='2'/>.</message>"; got.String() != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	checkStanza(t, got)
	if n, ok := got.Child(sid, "stanza-id"); !ok || n.Attr("id") != "2" {
		t.Errorf("what is left: %+v", n)
	}
	if got.Without(forged) != got {
		t.Error("a copy although nothing matched")
	}
	none := s.Without(func(xmlstream.Name, func() xmlstream.Node) bool { return true })
	if want := "<message xmlns='jabber:client'> -.</message>"; none.String() != want {
		t.Errorf("without all: %s", none)
	}
}

func TestReplies(t *testing.T) {
	get := mustParse(t, "<iq xmlns='jabber:client' from='a@c/r' to='c' id='1' type='get' xml:lang='en'><q xmlns='u'/></iq>")
	if got := get.Result(func(e *xmlstream.Encoder) { e.Leaf("u", "q", "yes") }).String(); got != "<iq xmlns='jabber:client' from='c' to='a@c/r' id='1' type='result'><q xmlns='u'>yes</q></iq>" {
		t.Error(got)
	}
	if got := get.Result(nil).String(); got != "<iq xmlns='jabber:client' from='c' to='a@c/r' id='1' type='result'/>" {
		t.Error(got)
	}
	if got := get.ErrorReply(ErrItemNotFound()).String(); got != "<iq xmlns='jabber:client' from='c' to='a@c/r' id='1' type='error'>"+
		"<error type='cancel' code='404'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>" {
		t.Error(got)
	}
	for _, in := range []string{
		"<iq type='result' id='1'/>", "<iq type='error' id='1'><error type='cancel'/></iq>", "<message type='error'/>", "<presence type='error'/>",
	} {
		if r := mustParse(t, client(in)).ErrorReply(ErrForbidden()); r != nil {
			t.Errorf("%s is answered with %s (RFC 6120 §8.3.1)", in, r)
		}
		if r := mustParse(t, client(in)).Result(nil); r != nil {
			t.Errorf("%s has a result: %s", in, r)
		}
	}
	server := mustParse(t, "<message xmlns='jabber:server' from='a@b' to='c@d'/>").ErrorReply(ErrServiceUnavailable())
	if server.NS() != NSServer || server.Err() == nil || server.Err().Condition != "service-unavailable" {
		t.Errorf("%s", server)
	}
	checkStanza(t, server)
}

func TestErrors(t *testing.T) {
	for condition, row := range conditions {
		e := defined(condition).WithText("because <of> this")
		e.By = "example.org"
		s := Build(Message, ErrorType, jid.MustParse("a@b"), jid.JID{}, "1", e.WithApp(xmlstream.NewNode("urn:app", "detail")).Encode)
		checkStanza(t, s)
		got := s.Err()
		if got == nil || got.Condition != condition || got.Type != row.kind || got.Text != e.Text || got.By != e.By || got.App.Name.Local != "detail" {
			t.Errorf("%s: %+v", condition, got)
		}
		if !errors.Is(got, defined(condition)) || errors.Is(got, &Error{Condition: "another"}) {
			t.Errorf("%s: errors.Is", condition)
		}
		n, _ := s.Child(NSClient, "error")
		if hasCode := n.Attr("code") != ""; hasCode != (row.code != 0) {
			t.Errorf("%s: code %q", condition, n.Attr("code"))
		}
	}
	for _, tt := range []struct {
		why, in string
		want    Error
	}{
		{"no condition", "<error type='wait'/>", Error{Type: Wait, Condition: "undefined-condition"}},
		{"unknown condition", "<error type='cancel'><odd xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>", Error{Type: Cancel, Condition: "undefined-condition"}},
		{"unknown type", "<error type='odd'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>", Error{Type: Auth, Condition: "forbidden"}},
		{"no type", "<error><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>", Error{Type: Cancel, Condition: "item-not-found"}},
		{"new address", "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>xmpp:x@y</gone></error>", Error{Type: Cancel, Condition: "gone", Alternate: "xmpp:x@y"}},
		{"first condition counts", "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
			Error{Type: Cancel, Condition: "gone"}},
	} {
		got := mustParse(t, "<message xmlns='jabber:client' type='error'>"+tt.in+"</message>").Err()
		if got == nil || got.Type != tt.want.Type || got.Condition != tt.want.Condition || got.Alternate != tt.want.Alternate {
			t.Errorf("%s: got %+v", tt.why, got)
		}
	}
	if got := mustParse(t, "<message xmlns='jabber:client' type='error'/>").Err(); got == nil || got.Condition != "undefined-condition" {
		t.Errorf("error stanza without error: %+v", got)
	}
	if got := mustParse(t, "<message xmlns='jabber:client'><error/></message>").Err(); got != nil {
		t.Errorf("error of a stanza that is none: %+v", got)
	}
	if _, err := ParseError(xmlstream.NewNode("u", "x")); err != ErrNotStanzaError {
		t.Error(err)
	}
	if got := (&Error{Condition: "made-up", Type: Cancel}); !strings.Contains(Build(Message, ErrorType, jid.JID{}, jid.JID{}, "", got.Encode).String(), "<undefined-condition") {
		t.Error("a condition that is not defined was written")
	}
}

func TestBuild(t *testing.T) {
	to := jid.MustParse("b@c")
	s := Build(Message, "", to, jid.JID{}, "1", func(e *xmlstream.Encoder) { e.Leaf(NSClient, "body", "a\x00b") })
	if s.Type != Normal || s.Body() != "a\uFFFDb" {
		t.Errorf("%s", s)
	}
	checkStanza(t, s)
	if s := Build(IQ, Get, to, jid.JID{}, "1", nil); s.String() != "<iq xmlns='jabber:client' to='b@c' id='1' type='get'/>" {
		t.Errorf("%s", s)
	}
}

// FuzzFromElement: whatever the head, the stanza writes canonical bytes that read back as the same stanza, and every
// change of it does.
func FuzzFromElement(f *testing.F) {
	for _, s := range []string{
		"<message xmlns='jabber:client' to='b@c' from='a@c/x' type='chat' id='1' xml:lang='en'><body>x</body><y xmlns='u'/></message>",
		"<iq xmlns='jabber:client' type='get' id='1'><q xmlns='u'/></iq>",
		"<presence xmlns='jabber:server' type='error'><error type='wait'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>x</gone></error></presence>",
		"<message xmlns='jabber:client' xmlns:p='u' p:a='1' b='2'> <p:c/>t</message>",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		el, err := xmlstream.ParseElement(data, xmlstream.DefaultLimits())
		if err != nil {
			return
		}
		s, err := FromElement(&el)
		if s == nil {
			if err != ErrNotStanza {
				t.Fatal(err)
			}
			return
		}
		if err != nil {
			if r := s.ErrorReply(err.(*Error)); r != nil && (r.ID != s.ID || r.To != s.From || !r.IsError()) {
				t.Fatalf("reply %s to %s", r, s)
			}
			return
		}
		checkStanza(t, s)
		s.Body()
		s.Err()
		more := s.WithChildren(func(e *xmlstream.Encoder) { e.Leaf("u", "added", "x").Leaf(e.NS(), "body", "y") })
		checkStanza2(t, more)
		first := true
		checkStanza2(t, more.Without(func(xmlstream.Name, func() xmlstream.Node) bool { first = !first; return first }))
	})
}

// checkStanza2 is checkStanza for a stanza whose number of children may no longer fit its type.
func checkStanza2(t testing.TB, s *Stanza) {
	if s.Kind == IQ {
		s = s.WithType(Result)
	}
	checkStanza(t, s)
}

func BenchmarkFromElement(b *testing.B) {
	el, err := xmlstream.ParseElement([]byte("<message xmlns='jabber:client' to='bob@example.org/phone' from='alice@example.org/laptop' id='5f3c9a7e-1' type='chat'>"+
		"<body>Shall we meet at the harbour at nine?</body><active xmlns='http://jabber.org/protocol/chatstates'/></message>"), xmlstream.DefaultLimits())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := FromElement(&el); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	s := mustParse(b, "<message xmlns='jabber:client' to='bob@example.org/phone' from='alice@example.org/laptop' id='5f3c9a7e-1' type='chat'>"+
		"<body>Shall we meet at the harbour at nine?</body><active xmlns='http://jabber.org/protocol/chatstates'/></message>")
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = s.Append(dst[:0], NSClient)
	}
}
