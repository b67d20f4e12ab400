package stanzaid

import (
	"godwit/jid"
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of both elements and the name of the feature.
const NS = "urn:xmpp:sid:0"

// MaxID bounds an id in bytes.
const MaxID = 1024

// Names of the elements, to find them without parsing.
var (
	OriginName = xmlstream.Name{Space: NS, Local: "origin-id"}
	StanzaName = xmlstream.Name{Space: NS, Local: "stanza-id"}
)

// Origin is the id that the sending client gave a message (XEP-0359 §2.2). It
// is only as true as the sender.
type Origin struct{ ID string }

// Stanza is the id that the archive of By gave a message (XEP-0359 §2.1).
type Stanza struct {
	ID string
	By jid.JID
}

// ParseOrigin reads <origin-id/>.
func ParseOrigin(n xmlstream.Node) (Origin, error) {
	if err := wire.Expect(n, NS, OriginName.Local); err != nil {
		return Origin{}, err
	}
	id, err := wire.Bounded(n, "id", MaxID)
	return Origin{ID: id}, err
}

// ParseStanza reads <stanza-id/>.
func ParseStanza(n xmlstream.Node) (Stanza, error) {
	if err := wire.Expect(n, NS, StanzaName.Local); err != nil {
		return Stanza{}, err
	}
	id, err := wire.Bounded(n, "id", MaxID)
	if err != nil {
		return Stanza{}, err
	}
	v, err := wire.Required(n, "by")
	if err != nil {
		return Stanza{}, err
	}
	by, err := wire.Address(v)
	if err != nil {
		return Stanza{}, err
	}
	return Stanza{ID: id, By: by}, nil
}

// Encode writes <origin-id/>.
func (o Origin) Encode(e *xmlstream.Encoder) {
	e.Start(NS, OriginName.Local)
	e.Attr("id", o.ID)
	e.End()
}

// Encode writes <stanza-id/>.
func (s Stanza) Encode(e *xmlstream.Encoder) {
	e.Start(NS, StanzaName.Local)
	e.Attr("id", s.ID)
	e.Attr("by", s.By.String())
	e.End()
}
