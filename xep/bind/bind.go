package bind

import (
	"godwit/jid"
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of <bind/>, in features and in requests.
const NS = "urn:ietf:params:xml:ns:xmpp-bind"

// Bind is a request, with the resource the client would like (RFC 6120 §7.6
// and §7.7), or a result, with the full address it got. Without either it is
// the stream feature or a request that leaves the choice to the server.
type Bind struct {
	Resource string // as the client wrote it; not yet prepared
	JID      jid.JID
}

// Parse reads <bind/>. A resource over 1023 bytes is not-acceptable, and an
// address in a result must have a resource.
func Parse(n xmlstream.Node) (Bind, error) {
	if err := wire.Expect(n, NS, "bind"); err != nil {
		return Bind{}, err
	}
	var b Bind
	if c, ok := n.Child(NS, "resource"); ok {
		b.Resource = c.InnerText()
		if len(b.Resource) > 1023 {
			return Bind{}, wire.NotAcceptable("a resource may be 1023 bytes long, not %d", len(b.Resource))
		}
	}
	if c, ok := n.Child(NS, "jid"); ok {
		j, err := wire.Address(c.InnerText())
		if err != nil {
			return Bind{}, err
		}
		if !j.IsFull() {
			return Bind{}, wire.Bad("a bound address needs a resource")
		}
		b.JID = j
	}
	return b, nil
}

// Encode writes <bind/>.
func (b Bind) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "bind")
	wire.OptionalLeaf(e, NS, "resource", b.Resource)
	wire.OptionalLeaf(e, NS, "jid", b.JID.String())
	e.End()
}
