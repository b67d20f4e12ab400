package forward_test

import (
	"testing"
	"time"

	"godwit/xep/forward"
	"godwit/xep/internal/codectest"
)

func TestForwarded(t *testing.T) {
	type row = codectest.Row[forward.Forwarded]
	const message = `<message xmlns='jabber:client' from='alice@a.example/r' to='bob@b.example' type='chat' id='m1'><body>hi</body><x xmlns='urn:example'>y</x></message>`
	s := codectest.Message(t, message)
	head := codectest.Write(t, forward.Forwarded{Stanza: s})
	canonical := head[len(`<forwarded xmlns='urn:xmpp:forward:0'>`) : len(head)-len(`</forwarded>`)]
	if codectest.Message(t, canonical).String() != s.String() {
		t.Fatalf("a message becomes another one: %s", canonical)
	}
	at := time.Date(2026, 11, 23, 6, 12, 0, 5e6, time.UTC)
	stamp := `<delay xmlns='urn:xmpp:delay' stamp='2026-11-23T06:12:00.005Z'/>`
	wrap := func(inner string) string { return `<forwarded xmlns='urn:xmpp:forward:0'>` + inner + `</forwarded>` }
	codectest.Table(t, forward.Parse,
		row{Why: "with a time", XML: wrap(stamp + canonical), Want: forward.New(s, at)},
		row{Why: "without", XML: wrap(canonical), Want: forward.Forwarded{Stanza: s}},
		row{Why: "the order does not matter", XML: wrap(canonical + stamp), Want: forward.New(s, at), Out: wrap(stamp + canonical)},
		row{Why: "no stanza", XML: wrap(stamp), Err: "bad-request"},
		row{Why: "two stanzas", XML: wrap(canonical + canonical), Err: "bad-request"},
		row{Why: "a message that lost its namespace is none", XML: wrap(`<message><body>hi</body></message>`), Err: "bad-request"},
		row{Why: "an element of the client namespace that is no stanza", XML: wrap(`<body xmlns='jabber:client'>hi</body>`), Err: "bad-request"},
		row{Why: "a stanza with a bad address", XML: wrap(`<message xmlns='jabber:client' from='@@'/>`), Err: "jid-malformed"},
		row{Why: "a bad time", XML: wrap(`<delay xmlns='urn:xmpp:delay' stamp='noon'/>` + canonical), Err: "bad-request"},
		row{Why: "another element", XML: `<forward xmlns='urn:xmpp:forward:0'/>`, Err: "bad-request"},
	)
}
