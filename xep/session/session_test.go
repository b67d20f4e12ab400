package session_test

import (
	"testing"

	"godwit/xep/internal/codectest"
	"godwit/xep/session"
)

func TestSession(t *testing.T) {
	type row = codectest.Row[session.Session]
	codectest.Table(t, session.Parse,
		row{Why: "request", XML: `<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>`, Want: session.Session{}},
		row{Why: "feature that may be skipped", XML: `<session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session>`, Want: session.Session{Optional: true}},
		row{Why: "another namespace", XML: `<session xmlns='jabber:client'/>`, Err: "bad-request"},
	)
}
