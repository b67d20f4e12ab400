package forward

import (
	"time"

	"godwit/stanza"
	"godwit/xep/delay"
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of <forwarded/>.
const NS = "urn:xmpp:forward:0"

// Forwarded is <forwarded/>.
type Forwarded struct {
	// Delay says when the forwarding side got the stanza; its zero value,
	// known by a zero Stamp, is left out.
	Delay  delay.Delay
	Stanza *stanza.Stanza // required
}

// New returns a forwarded stanza that passed at the given time.
func New(s *stanza.Stanza, at time.Time) Forwarded {
	return Forwarded{Delay: delay.Delay{Stamp: at}, Stanza: s}
}

// Parse reads <forwarded/>, which must hold exactly one stanza with a sound
// head.
func Parse(n xmlstream.Node) (Forwarded, error) {
	if err := wire.Expect(n, NS, "forwarded"); err != nil {
		return Forwarded{}, err
	}
	var f Forwarded
	for c := range n.Elements() {
		switch c.Name.Space {
		case delay.NS:
			d, err := delay.Parse(c)
			if err != nil {
				return Forwarded{}, err
			}
			f.Delay = d
		case stanza.NSClient, stanza.NSServer: // the namespace is preserved (XEP-0297 §3.2)
			if f.Stanza != nil {
				return Forwarded{}, wire.Bad("<forwarded/> has more than one stanza")
			}
			s, err := wire.Stanza(c)
			if err != nil {
				return Forwarded{}, err
			}
			f.Stanza = s
		}
	}
	if f.Stanza == nil {
		return Forwarded{}, wire.Bad("<forwarded/> has no stanza")
	}
	return f, nil
}

// Encode writes <forwarded/>.
func (f Forwarded) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "forwarded")
	if !f.Delay.Stamp.IsZero() {
		f.Delay.Encode(e)
	}
	e.Raw(f.Stanza.Append(make([]byte, 0, f.Stanza.Size()), NS))
	e.End()
}
