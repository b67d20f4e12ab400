package hashes

import (
	"bytes"

	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of the elements and the name of the feature.
const NS = "urn:xmpp:hashes:2"

// SHA256 is the name of the one function that is computed here.
const SHA256 = "sha-256"

// Bounds in bytes.
const (
	maxAlgo   = 64
	maxDigest = 128
)

// Hash is <hash/>, or without a value <hash-used/>: the function that is going
// to be used (XEP-0300 §4, XEP-0234 §6).
type Hash struct {
	Algo  string
	Value []byte
}

// Is reports whether n is one of the two elements.
func Is(n xmlstream.Node) bool {
	return n.Name.Space == NS && (n.Name.Local == "hash" || n.Name.Local == "hash-used")
}

// Parse reads either element.
func Parse(n xmlstream.Node) (Hash, error) {
	if !Is(n) {
		return Hash{}, wire.Expect(n, NS, "hash")
	}
	algo, err := wire.Bounded(n, "algo", maxAlgo)
	if err != nil {
		return Hash{}, err
	}
	h := Hash{Algo: algo}
	text := n.InnerText()
	if n.Name.Local == "hash-used" || text == "" {
		return h, nil
	}
	if len(text) > 2*maxDigest {
		return Hash{}, wire.NotAcceptable("a digest may be %d bytes long", maxDigest)
	}
	if h.Value, err = wire.Base64(text); err != nil {
		return Hash{}, wire.Bad("the digest of <hash/>: %v", err)
	}
	return h, nil
}

// Encode writes the element that fits.
func (h Hash) Encode(e *xmlstream.Encoder) {
	if len(h.Value) == 0 {
		e.Start(NS, "hash-used")
		e.Attr("algo", h.Algo)
		e.End()
		return
	}
	e.Start(NS, "hash")
	e.Attr("algo", h.Algo)
	e.Text(wire.EncodeBase64(h.Value))
	e.End()
}

// Find returns the digest by that function; nil when it is not there.
func Find(list []Hash, algo string) []byte {
	for _, h := range list {
		if h.Algo == algo && len(h.Value) > 0 {
			return bytes.Clone(h.Value)
		}
	}
	return nil
}
