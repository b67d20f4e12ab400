package ping_test

import (
	"testing"

	"godwit/xep/internal/codectest"
	"godwit/xep/ping"
)

func TestPing(t *testing.T) {
	type row = codectest.Row[ping.Ping]
	codectest.Table(t, ping.Parse,
		row{Why: "ping", XML: `<ping xmlns='urn:xmpp:ping'/>`, Want: ping.Ping{}},
		row{Why: "pong", XML: `<pong xmlns='urn:xmpp:ping'/>`, Err: "bad-request"},
		row{Why: "another ping", XML: `<ping xmlns='urn:example'/>`, Err: "bad-request"},
	)
}
