// Package reply is the codec of Message Replies (XEP-0461, version 0.2.1).
//
// It may not hold what a reply looks like, nor whether what it answers is known.
package reply

import (
	"godwit/jid"
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of the element and the name of the feature.
const NS = "urn:xmpp:reply:0"

// MaxID bounds the id of a message in bytes.
const MaxID = 1024

// Reply says what a message answers (XEP-0461 §3).
type Reply struct {
	ID string  // of the other message
	To jid.JID // its author; zero when not told
}

// Parse reads <reply/>.
func Parse(n xmlstream.Node) (Reply, error) {
	if err := wire.Expect(n, NS, "reply"); err != nil {
		return Reply{}, err
	}
	id, err := wire.Bounded(n, "id", MaxID)
	if err != nil {
		return Reply{}, err
	}
	to, err := wire.AddressAttr(n, "to")
	return Reply{ID: id, To: to}, err
}

// Encode writes <reply/>.
func (r Reply) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "reply")
	if !r.To.IsZero() {
		e.Attr("to", r.To.String())
	}
	e.Attr("id", r.ID)
	e.End()
}
