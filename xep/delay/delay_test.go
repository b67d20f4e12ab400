package delay_test

import (
	"testing"
	"time"

	"godwit/jid"
	"godwit/xep/delay"
	"godwit/xep/internal/codectest"
)

func TestDelay(t *testing.T) {
	type row = codectest.Row[delay.Delay]
	at := time.Date(2026, 11, 23, 6, 12, 0, 0, time.UTC)
	codectest.Table(t, delay.Parse,
		row{Why: "a server kept it", XML: `<delay xmlns='urn:xmpp:delay' from='a.example' stamp='2026-11-23T06:12:00Z'>offline</delay>`,
			Want: delay.Delay{From: jid.MustParse("a.example"), Stamp: at, Reason: "offline"}},
		row{Why: "only a stamp", XML: `<delay xmlns='urn:xmpp:delay' stamp='2026-11-23T06:12:00Z'/>`, Want: delay.Delay{Stamp: at}},
		row{Why: "another zone", XML: `<delay xmlns='urn:xmpp:delay' stamp='2026-11-23T08:12:00+02:00'/>`, Want: delay.Delay{Stamp: at},
			Out: `<delay xmlns='urn:xmpp:delay' stamp='2026-11-23T06:12:00Z'/>`},
		row{Why: "no stamp", XML: `<delay xmlns='urn:xmpp:delay'/>`, Err: "bad-request"},
		row{Why: "the legacy format", XML: `<delay xmlns='urn:xmpp:delay' stamp='20261123T06:12:00'/>`, Err: "bad-request"},
		row{Why: "the legacy namespace", XML: `<x xmlns='jabber:x:delay' stamp='20261123T06:12:00'/>`, Err: "bad-request"},
		row{Why: "from nowhere", XML: `<delay xmlns='urn:xmpp:delay' from='@' stamp='2026-11-23T06:12:00Z'/>`, Err: "jid-malformed"},
	)
}
