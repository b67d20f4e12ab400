package client

import (
	"strings"
	"testing"

	"godwit/client/cache"
	"godwit/jid"
	"godwit/stanza"
	"godwit/xep/fallback"
	"godwit/xep/reply"
	"godwit/xmlstream"
)

func parsed(t testing.TB, xml string) *stanza.Stanza {
	t.Helper()
	s, err := parseStanza([]byte(xml))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const (
	replyTo      = `<reply xmlns='urn:xmpp:reply:0' to='anna@localhost/tablet' id='m1'/>`
	replace      = `<replace xmlns='urn:xmpp:message-correct:0' id='m1'/>`
	takeBack     = `<retract xmlns='urn:xmpp:message-retract:1' id='m1'/>`
	fallbackFrom = `<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='`
)

func TestContent(t *testing.T) {
	anna := jid.MustParse("anna@localhost")
	answer := content{replyTo: "m1", replyFrom: anna}
	with := func(c content, f func(*content)) content { f(&c); return c }
	for _, tt := range []struct {
		why, children string
		want          content
	}{
		{"text", `<body>hi</body>`, content{body: "hi"}},
		{"nothing said", `<active xmlns='http://jabber.org/protocol/chatstates'/>`, content{}},
		{"a reply", `<body>yes</body>` + replyTo, with(answer, func(c *content) { c.body = "yes" })},
		{"a reply with a quotation", "<body>&gt; 你好 👋\n&gt; ?\nyes</body>" + replyTo + fallbackFrom + "0' end='11'/></fallback>",
			with(answer, func(c *content) { c.quote, c.body = "> 你好 👋\n> ?\n", "yes" })},
		{"a quotation that ends before the break", "<body>&gt; a\nyes</body>" + replyTo + fallbackFrom + "0' end='3'/></fallback>",
			with(answer, func(c *content) { c.quote, c.body = "> a\n", "yes" })},
		{"words hidden as a quotation", "<body>I owe you 100.\nyes</body>" + replyTo + fallbackFrom + "0' end='15'/></fallback>",
			with(answer, func(c *content) { c.body = "I owe you 100.\nyes" })},
		{"words hidden behind a quotation", "<body>&gt; a\nI owe you\nyes</body>" + replyTo + fallbackFrom + "0' end='14'/></fallback>",
			with(answer, func(c *content) { c.body = "> a\nI owe you\nyes" })},
		{"everything hidden", "<body>&gt; a\n</body>" + replyTo + fallbackFrom + "0' end='4'/></fallback>",
			with(answer, func(c *content) { c.body = "> a\n" })},
		{"a quotation in the middle", "<body>yes\n&gt; a\nno</body>" + replyTo + fallbackFrom + "4' end='8'/></fallback>",
			with(answer, func(c *content) { c.body = "yes\n> a\nno" })},
		{"half a line", "<body>&gt; abc</body>" + replyTo + fallbackFrom + "0' end='3'/></fallback>",
			with(answer, func(c *content) { c.body = "> abc" })},
		{"beyond the end", "<body>&gt; a\nb</body>" + replyTo + fallbackFrom + "0' end='99'/></fallback>",
			with(answer, func(c *content) { c.body = "> a\nb" })},
		{"the whole body", "<body>&gt; a\nb</body>" + replyTo + "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'/>",
			with(answer, func(c *content) { c.body = "> a\nb" })},
		{"a quotation for something else", "<body>&gt; a\nb</body>" + strings.Replace(fallbackFrom, "reply", "other", 1) + "0' end='4'/></fallback>", content{body: "> a\nb"}},
		{"an edit", `<body>new</body>` + replace, content{kind: cache.KindEdit, target: "m1", body: "new"}},
		{"an edit without text", replace, content{}},
		{"an edit of nothing", `<body>new</body><replace xmlns='urn:xmpp:message-correct:0'/>`, content{body: "new"}},
		{"taken back", `<body>You cannot see this</body>` + takeBack, content{kind: cache.KindRetraction, target: "m1"}},
		{"taken back, without a text", takeBack, content{kind: cache.KindRetraction, target: "m1"}},
		{"nothing is taken back", `<body>x</body><retract xmlns='urn:xmpp:message-retract:1'/>`, content{body: "x"}},
		{"taken back and edited at once", `<body>x</body>` + replace + takeBack, content{kind: cache.KindRetraction, target: "m1"}},
	} {
		t.Run(tt.why, func(t *testing.T) {
			if got := contentOf(parsed(t, `<message xmlns='jabber:client'>`+tt.children+`</message>`)); got != tt.want {
				t.Errorf("%+v\nwant %+v", got, tt.want)
			}
		})
	}
}

// What is written is read as the same.
func TestContentRoundTrip(t *testing.T) {
	anna := jid.MustParse("anna@localhost")
	for _, c := range []content{
		{body: "hi"},
		{body: "yes", quote: quoteOf("did you\nsee 你好 👋?"), replyTo: "m1", replyFrom: anna},
		{body: "> not a quotation of mine", quote: quoteOf(strings.Repeat("line\n", 20)), replyTo: "m1", replyFrom: anna},
		{body: "\nbegins with a break", quote: quoteOf("a"), replyTo: "m1", replyFrom: anna},
		{body: "no text was there", replyTo: "m1", replyFrom: anna},
		{kind: cache.KindEdit, target: "m1", body: "new"},
		{kind: cache.KindEdit, target: "m1", body: "new", quote: "> a\n", replyTo: "m0", replyFrom: anna},
		{kind: cache.KindRetraction, target: "m1"},
	} {
		xml := string(render(anna, "id", &c))
		if got := contentOf(parsed(t, xml)); got != c {
			t.Errorf("%+v is written as %s\nand read as %+v", c, xml, got)
		}
	}
}

func FuzzContent(f *testing.F) {
	f.Add("> a\nb", uint16(0), uint16(4))
	f.Add("> a\r\n> b\nc", uint16(0), uint16(9))
	f.Add("", uint16(0), uint16(0))
	f.Fuzz(func(t *testing.T, body string, start, end uint16) {
		if !xmlstream.ValidText(body) {
			return
		}
		s := stanza.Build(stanza.Message, stanza.Chat, jid.JID{}, jid.JID{}, "", func(e *xmlstream.Encoder) {
			e.Leaf(stanza.NSClient, "body", body)
			reply.Reply{ID: "m1"}.Encode(e)
			if end >= start {
				fallback.Fallback{For: reply.NS, Body: []fallback.Range{{Start: uint32(start), End: uint32(end)}}}.Encode(e)
			}
		})
		if got := contentOf(s); body != "" && got.quote+got.body != s.Body() {
			t.Errorf("%q is read as %q and %q", s.Body(), got.quote, got.body)
		}
		quote, rest := splitQuote(s, s.Body())
		if quote+rest != s.Body() || quote != "" && !quoted(quote) {
			t.Errorf("%q is split into %q and %q", s.Body(), quote, rest)
		}
	})
}
