// Package correction is the codec of Last Message Correction (XEP-0308,
// version 1.2.1).
//
// It may not hold the decision who may correct what.
package correction

import (
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of the element and the name of the feature.
const NS = "urn:xmpp:message-correct:0"

// MaxID bounds the id of a message in bytes.
const MaxID = 1024

// Replace says which message the one around it replaces (XEP-0308 §3).
type Replace struct {
	ID string // the id attribute of the first version
}

// Parse reads <replace/>.
func Parse(n xmlstream.Node) (Replace, error) {
	if err := wire.Expect(n, NS, "replace"); err != nil {
		return Replace{}, err
	}
	id, err := wire.Bounded(n, "id", MaxID)
	return Replace{ID: id}, err
}

// Encode writes <replace/>.
func (r Replace) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "replace")
	e.Attr("id", r.ID)
	e.End()
}
