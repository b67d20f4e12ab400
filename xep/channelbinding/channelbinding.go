package channelbinding

import (
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of the feature.
const NS = "urn:xmpp:sasl-cb:0"

// Kinds that Godwit knows (RFC 9266, RFC 5929).
const (
	TLSExporter       = "tls-exporter"
	TLSServerEndPoint = "tls-server-end-point"
)

const (
	maxTypes = 32
	maxName  = 128
)

// Announcement is the stream feature (XEP-0440 §2).
type Announcement struct{ Types []string }

// Has reports whether kind is announced.
func (a Announcement) Has(kind string) bool {
	for _, t := range a.Types {
		if t == kind {
			return true
		}
	}
	return false
}

// Parse reads <sasl-channel-binding/>. It must name at least one kind; at
// most 32 are kept.
func Parse(n xmlstream.Node) (Announcement, error) {
	if err := wire.Expect(n, NS, "sasl-channel-binding"); err != nil {
		return Announcement{}, err
	}
	var a Announcement
	for c := range n.Elements() {
		if c.Name.Space != NS || c.Name.Local != "channel-binding" {
			continue
		}
		kind, err := wire.Bounded(c, "type", maxName)
		if err != nil {
			return Announcement{}, err
		}
		if len(a.Types) < maxTypes {
			a.Types = append(a.Types, kind)
		}
	}
	if len(a.Types) == 0 {
		return Announcement{}, wire.Bad("<sasl-channel-binding/> names no type")
	}
	return a, nil
}

// Encode writes <sasl-channel-binding/>.
func (a Announcement) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "sasl-channel-binding")
	for _, kind := range a.Types {
		e.Start(NS, "channel-binding")
		e.Attr("type", kind)
		e.End()
	}
	e.End()
}
