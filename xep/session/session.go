package session

import (
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of <session/>.
const NS = "urn:ietf:params:xml:ns:xmpp-session"

// Session is the request, or with Optional the stream feature that tells
// newer clients to skip it.
type Session struct{ Optional bool }

// Parse reads <session/>.
func Parse(n xmlstream.Node) (Session, error) {
	if err := wire.Expect(n, NS, "session"); err != nil {
		return Session{}, err
	}
	_, optional := n.Child(NS, "optional")
	return Session{Optional: optional}, nil
}

// Encode writes <session/>.
func (s Session) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "session")
	if s.Optional {
		wire.Empty(e, NS, "optional")
	}
	e.End()
}
