package reply_test

import (
	"testing"

	"godwit/jid"
	"godwit/xep/internal/codectest"
	"godwit/xep/reply"
)

const ns = ` xmlns='urn:xmpp:reply:0'`

func TestReply(t *testing.T) {
	type row = codectest.Row[reply.Reply]
	codectest.Table(t, reply.Parse,
		row{Why: "to a device", XML: `<reply` + ns + ` to='anna@example.com/tablet' id='message-id1'/>`, Want: reply.Reply{ID: "message-id1", To: jid.MustParse("anna@example.com/tablet")}},
		row{Why: "to nobody named", XML: `<reply` + ns + ` id='m1'/>`, Want: reply.Reply{ID: "m1"}},
		row{Why: "to what?", XML: `<reply` + ns + ` to='anna@example.com'/>`, Err: "bad-request"},
		row{Why: "no address", XML: `<reply` + ns + ` to='@@' id='m1'/>`, Err: "jid-malformed"},
		row{Why: "something else", XML: `<replace xmlns='urn:xmpp:message-correct:0' id='m1'/>`, Err: "bad-request"},
	)
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`<reply` + ns + ` to='anna@example.com/tablet' id='m1'/>`))
	f.Add([]byte(`<reply` + ns + ` id=''/>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		codectest.Walk(t, data, map[string]codectest.Parser{"reply": codectest.Of(reply.Parse)})
	})
}
