package delay

import (
	"time"

	"godwit/jid"
	"godwit/xep/datetime"
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of <delay/>.
const NS = "urn:xmpp:delay"

// Delay says when a stanza was originally sent (XEP-0203 §2).
type Delay struct {
	From   jid.JID   // who delayed it; optional
	Stamp  time.Time // UTC; required
	Reason string    // natural language; optional
}

// Parse reads <delay/>. A missing or malformed stamp is bad-request.
func Parse(n xmlstream.Node) (Delay, error) {
	if err := wire.Expect(n, NS, "delay"); err != nil {
		return Delay{}, err
	}
	v, err := wire.Required(n, "stamp")
	if err != nil {
		return Delay{}, err
	}
	stamp, err := datetime.Parse(v)
	if err != nil {
		return Delay{}, wire.Bad("stamp of <delay/>: %v", err)
	}
	from, err := wire.AddressAttr(n, "from")
	if err != nil {
		return Delay{}, err
	}
	return Delay{From: from, Stamp: stamp, Reason: n.InnerText()}, nil
}

// Encode writes <delay/>.
func (d Delay) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "delay")
	wire.OptionalAttr(e, "from", d.From.String())
	e.Attr("stamp", datetime.Format(d.Stamp))
	if d.Reason != "" {
		e.Text(d.Reason)
	}
	e.End()
}
