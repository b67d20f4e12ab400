package deliver

import (
	"testing"

	"godwit/jid"
	"godwit/stanza"
	"godwit/xmlstream"
)

func parse(t testing.TB, text string) *stanza.Stanza {
	t.Helper()
	el, err := xmlstream.ParseElement([]byte(text), xmlstream.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	st, err := stanza.FromElement(&el)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func TestSanitise(t *testing.T) {
	domain := jid.MustParse("localhost")
	for _, c := range []struct{ why, in, out string }{
		{"nothing to do", `<body>x</body>`, `<body>x</body>`},
		{"an id by the server", `<stanza-id xmlns='urn:xmpp:sid:0' by='localhost' id='1'/><body>x</body>`, `<body>x</body>`},
		{"by an account here, written otherwise", `<stanza-id xmlns='urn:xmpp:sid:0' by='Bob@LOCALHOST' id='1'/><body>x</body>`, `<body>x</body>`},
		{"by one of its resources", `<stanza-id xmlns='urn:xmpp:sid:0' by='bob@localhost/x' id='1'/>`, ``},
		{"by nobody", `<stanza-id xmlns='urn:xmpp:sid:0' id='1'/>`, ``},
		{"by what is no address", `<stanza-id xmlns='urn:xmpp:sid:0' by='@@' id='1'/>`, ``},
		{"by another domain", `<stanza-id xmlns='urn:xmpp:sid:0' by='room@muc.example' id='1'/>`, `<stanza-id xmlns='urn:xmpp:sid:0' by='room@muc.example' id='1'/>`},
		{"the sender's own id", `<origin-id xmlns='urn:xmpp:sid:0' id='1'/>`, `<origin-id xmlns='urn:xmpp:sid:0' id='1'/>`},
		{"several at once", `<stanza-id xmlns='urn:xmpp:sid:0' by='localhost' id='1'/><a xmlns='a'/><stanza-id xmlns='urn:xmpp:sid:0' by='localhost' id='2'/>`, `<a xmlns='a'/>`},
		{"a delay in our name", `<delay xmlns='urn:xmpp:delay' from='localhost' stamp='2001-01-01T00:00:00Z'/>`, ``},
		{"a delay in nobody's name", `<delay xmlns='urn:xmpp:delay' stamp='2001-01-01T00:00:00Z'/>`, ``},
		{"a delay of somebody else's", `<delay xmlns='urn:xmpp:delay' from='muc.example' stamp='2001-01-01T00:00:00Z'/>`,
			`<delay xmlns='urn:xmpp:delay' from='muc.example' stamp='2001-01-01T00:00:00Z'/>`},
		{"a carbon", `<sent xmlns='urn:xmpp:carbons:2'/><received xmlns='urn:xmpp:carbons:2'/><body>x</body>`, `<body>x</body>`},
		{"the wish for none", `<private xmlns='urn:xmpp:carbons:2'/>`, `<private xmlns='urn:xmpp:carbons:2'/>`},
		{"a result of an archive", `<result xmlns='urn:xmpp:mam:2' id='1'/>`, ``},
		{"deep down they are text to us", `<x xmlns='x'><result xmlns='urn:xmpp:mam:2' id='1'/></x>`, `<x xmlns='x'><result xmlns='urn:xmpp:mam:2' id='1'/></x>`},
		{"the same names elsewhere", `<result xmlns='urn:example:game'/>`, `<result xmlns='urn:example:game'/>`},
	} {
		st := parse(t, `<message xmlns='jabber:client' to='a@localhost'>`+c.in+`</message>`)
		if got := string(Sanitise(st, domain).Inner()); got != c.out {
			t.Errorf("%s: %s, want %s", c.why, got, c.out)
		}
	}
}

// FuzzSanitise: whatever a message contains, nothing forged is left at its top, and nothing else is lost.
func FuzzSanitise(f *testing.F) {
	f.Add(`<body>x</body><stanza-id xmlns='urn:xmpp:sid:0' by='localhost' id='1'/>`)
	f.Add(`<delay xmlns='urn:xmpp:delay'/><sent xmlns='urn:xmpp:carbons:2'><a/></sent>text`)
	f.Fuzz(func(t *testing.T, inner string) {
		el, err := xmlstream.ParseElement([]byte(`<message xmlns='jabber:client'>`+inner+`</message>`), xmlstream.DefaultLimits())
		if err != nil {
			return
		}
		st, err := stanza.FromElement(&el)
		if err != nil {
			return
		}
		harmless := 0
		for name := range st.ChildNames() {
			if !forgeable(name) {
				harmless++
			}
		}
		clean := Sanitise(st, jid.MustParse("localhost"))
		for c := range clean.Children() {
			switch {
			case !forgeable(c.Name):
				harmless--
			case c.Name.Local == "stanza-id" && !localName(c.Attr("by"), jid.MustParse("localhost")):
			case c.Name.Space == "urn:xmpp:delay" && !localName(c.Attr("from"), jid.MustParse("localhost")):
			default:
				t.Errorf("%v is left of %s", c.Name, inner)
			}
		}
		if harmless != 0 {
			t.Errorf("%d children were lost of %s", harmless, inner)
		}
	})
}
