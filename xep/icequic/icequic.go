package icequic

import (
	"godwit/xep/icetransport"
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of the transport and the feature that announces it.
const NS = "urn:godwit:transports:ice-quic:0"

// Transport is <transport/>.
type Transport struct{ icetransport.Transport }

// Parse reads <transport/> of any action.
func Parse(n xmlstream.Node) (Transport, error) {
	t, err := icetransport.ParseIn(n, NS)
	return Transport{t}, err
}

// ParseFull reads <transport/> of an offer or answer, which must have
// credentials and a SHA-256 fingerprint.
func ParseFull(n xmlstream.Node) (Transport, error) {
	t, err := Parse(n)
	switch {
	case err != nil:
		return Transport{}, err
	case t.Ufrag == "":
		return Transport{}, wire.Bad("the transport has no ICE credentials")
	case t.Fingerprint == nil || t.Fingerprint.Hash != icetransport.SHA256:
		return Transport{}, wire.Bad("the transport has no %s fingerprint", icetransport.SHA256)
	}
	return t, nil
}

// Encode writes <transport/>.
func (t Transport) Encode(e *xmlstream.Encoder) { t.Node().Encode(e) }

// Node is <transport/> as a tree.
func (t Transport) Node() xmlstream.Node { return t.Transport.Node(NS) }
