package ping

import (
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of <ping/> and the name of the feature.
const NS = "urn:xmpp:ping"

// Ping asks whether the other side is there; an empty result says yes.
type Ping struct{}

// Parse reads <ping/>.
func Parse(n xmlstream.Node) (Ping, error) { return Ping{}, wire.Expect(n, NS, "ping") }

// Encode writes <ping/>.
func (Ping) Encode(e *xmlstream.Encoder) { wire.Empty(e, NS, "ping") }
