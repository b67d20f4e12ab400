package xmlstreamapp

import (
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of the description and the feature that announces the
// application (XEP-0247 §2).
const NS = "urn:xmpp:jingle:apps:xmlstream:0"

// Description is <description/>. Children that a later version may add are
// ignored.
type Description struct{}

// Parse reads <description/>.
func Parse(n xmlstream.Node) (Description, error) {
	return Description{}, wire.Expect(n, NS, "description")
}

// Encode writes <description/>.
func (Description) Encode(e *xmlstream.Encoder) { wire.Empty(e, NS, "description") }

// Node is the description as a tree.
func (Description) Node() xmlstream.Node { return xmlstream.NewNode(NS, "description") }
