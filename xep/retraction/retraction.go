// Package retraction is the codec of Message Retraction (XEP-0424, version
// 0.4.2).
//
// It may not hold the decision who may take back what.
package retraction

import (
	"time"

	"godwit/xep/datetime"
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of both elements and the name of the feature.
const NS = "urn:xmpp:message-retract:1"

// MaxID bounds the id of a message in bytes.
const MaxID = 1024

// Retract takes a message back (XEP-0424 §3).
type Retract struct {
	ID string // the id attribute of the other message
}

// Retracted is what an archive keeps instead of a message that was taken back
// (XEP-0424 §4).
type Retracted struct {
	ID    string    // the id attribute of the retraction
	Stamp time.Time // when; zero if not told
}

// ParseRetract reads <retract/>.
func ParseRetract(n xmlstream.Node) (Retract, error) {
	if err := wire.Expect(n, NS, "retract"); err != nil {
		return Retract{}, err
	}
	id, err := wire.Bounded(n, "id", MaxID)
	return Retract{ID: id}, err
}

// ParseRetracted reads <retracted/>.
func ParseRetracted(n xmlstream.Node) (Retracted, error) {
	if err := wire.Expect(n, NS, "retracted"); err != nil {
		return Retracted{}, err
	}
	id, err := wire.Bounded(n, "id", MaxID)
	if err != nil {
		return Retracted{}, err
	}
	r := Retracted{ID: id}
	if v := n.Attr("stamp"); v != "" {
		if r.Stamp, err = datetime.Parse(v); err != nil {
			return Retracted{}, wire.Bad("stamp %s", wire.Quote(v))
		}
	}
	return r, nil
}

// Encode writes <retract/>.
func (r Retract) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "retract")
	e.Attr("id", r.ID)
	e.End()
}

// Encode writes <retracted/>.
func (r Retracted) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "retracted")
	e.Attr("id", r.ID)
	if !r.Stamp.IsZero() {
		e.Attr("stamp", datetime.Format(r.Stamp))
	}
	e.End()
}
