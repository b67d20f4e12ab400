package markers

import (
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of both elements and the name of the feature.
const NS = "urn:xmpp:chat-markers:0"

// MaxID bounds the id of a message in bytes.
const MaxID = 1024

// Markable asks to be told when the message is displayed (XEP-0333 §4.1).
type Markable struct{}

// Displayed tells it (XEP-0333 §4.2).
type Displayed struct {
	ID string // the id attribute of the newest message seen; in a room its stanza-id
}

// ParseMarkable reads <markable/>.
func ParseMarkable(n xmlstream.Node) (Markable, error) {
	return Markable{}, wire.Expect(n, NS, "markable")
}

// ParseDisplayed reads <displayed/>.
func ParseDisplayed(n xmlstream.Node) (Displayed, error) {
	if err := wire.Expect(n, NS, "displayed"); err != nil {
		return Displayed{}, err
	}
	id, err := wire.Bounded(n, "id", MaxID)
	return Displayed{ID: id}, err
}

// Encode writes <markable/>.
func (Markable) Encode(e *xmlstream.Encoder) { wire.Empty(e, NS, "markable") }

// Encode writes <displayed/>.
func (d Displayed) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "displayed")
	e.Attr("id", d.ID)
	e.End()
}
