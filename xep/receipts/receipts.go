package receipts

import (
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of both elements and the name of the feature.
const NS = "urn:xmpp:receipts"

// MaxID bounds the id of a message in bytes.
const MaxID = 1024

// RequestName finds a request without parsing.
var RequestName = xmlstream.Name{Space: NS, Local: "request"}

// Request asks for a receipt; the message around it needs an id
// (XEP-0184 §7).
type Request struct{}

// Received is the receipt (XEP-0184 §7).
type Received struct {
	ID string // the id attribute of the message that arrived
}

// ParseRequest reads <request/>.
func ParseRequest(n xmlstream.Node) (Request, error) {
	return Request{}, wire.Expect(n, NS, "request")
}

// ParseReceived reads <received/>.
func ParseReceived(n xmlstream.Node) (Received, error) {
	if err := wire.Expect(n, NS, "received"); err != nil {
		return Received{}, err
	}
	id, err := wire.Bounded(n, "id", MaxID)
	return Received{ID: id}, err
}

// Encode writes <request/>.
func (Request) Encode(e *xmlstream.Encoder) { wire.Empty(e, NS, "request") }

// Encode writes <received/>.
func (r Received) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "received")
	e.Attr("id", r.ID)
	e.End()
}
