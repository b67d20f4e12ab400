package carbons_test

import (
	"testing"

	"godwit/xep/carbons"
	"godwit/xep/forward"
	"godwit/xep/internal/codectest"
	"godwit/xmlstream"
)

const ns = ` xmlns='urn:xmpp:carbons:2'`

func TestCopy(t *testing.T) {
	type row = codectest.Row[carbons.Copy]
	s := codectest.Message(t, `<message xmlns='jabber:client' from='alice@a.example/r' to='bob@b.example' type='chat'><body>hi</body></message>`)
	f := forward.Forwarded{Stanza: s}
	inner := codectest.Write(t, f)
	codectest.Table(t, carbons.Parse,
		row{Why: "received", XML: `<received` + ns + `>` + inner + `</received>`, Want: carbons.Copy{Direction: carbons.Received, Forwarded: f}},
		row{Why: "sent", XML: `<sent` + ns + `>` + inner + `</sent>`, Want: carbons.Copy{Direction: carbons.Sent, Forwarded: f}},
		row{Why: "a copy of nothing", XML: `<sent` + ns + `/>`, Err: "bad-request"},
		row{Why: "a copy of two", XML: `<sent` + ns + `>` + inner + inner + `</sent>`, Err: "bad-request"},
		row{Why: "a receipt is something else", XML: `<received xmlns='urn:xmpp:receipts' id='m1'/>`, Err: "bad-request"},
		row{Why: "version 1", XML: `<sent xmlns='urn:xmpp:carbons:1'>` + inner + `</sent>`, Err: "bad-request"},
	)
}

func TestCommand(t *testing.T) {
	type row = codectest.Row[carbons.Command]
	codectest.Table(t, carbons.ParseCommand,
		row{Why: "on", XML: `<enable` + ns + `/>`, Want: carbons.Enable},
		row{Why: "off", XML: `<disable` + ns + `/>`, Want: carbons.Disable},
		row{Why: "neither", XML: `<private` + ns + `/>`, Err: "bad-request"},
		row{Why: "stream management has an enable too", XML: `<enable xmlns='urn:xmpp:sm:3'/>`, Err: "bad-request"},
	)
}

func TestPrivate(t *testing.T) {
	if got := codectest.Write(t, carbons.Private{}); got != `<private`+ns+`/>` {
		t.Error(got)
	}
	for name, want := range map[xmlstream.Name]bool{
		{Space: carbons.NS, Local: "private"}:    true,
		{Space: carbons.NS, Local: "enable"}:     false,
		{Space: "urn:example", Local: "private"}: false,
	} {
		if carbons.IsPrivate(name) != want {
			t.Errorf("%v: want %v", name, want)
		}
	}
}
