package hints

import (
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of the elements and the name of the feature.
const NS = "urn:xmpp:hints"

// Hint is one wish, or with | a set of them.
type Hint uint8

// The hints (XEP-0334 §4).
const (
	NoPermanentStore Hint = 1 << iota // not in an archive
	NoStore                           // nor for an absent recipient
	NoCopy                            // to nobody but the addressee
	Store                             // keep it though it looks unimportant
)

var names = [...]struct {
	local string
	hint  Hint
}{
	{"no-permanent-store", NoPermanentStore},
	{"no-store", NoStore},
	{"no-copy", NoCopy},
	{"store", Store},
}

// Has reports whether every hint of all is in the set.
func (h Hint) Has(all Hint) bool { return h&all == all }

// FromName tells the hint from an element's name alone.
func FromName(n xmlstream.Name) (Hint, bool) {
	if n.Space == NS {
		for _, v := range names {
			if v.local == n.Local {
				return v.hint, true
			}
		}
	}
	return 0, false
}

// Parse reads one hint.
func Parse(n xmlstream.Node) (Hint, error) {
	h, ok := FromName(n.Name)
	if !ok {
		return 0, wire.Unknown(n, "processing hints")
	}
	return h, nil
}

// Encode writes one element for each hint of the set.
func (h Hint) Encode(e *xmlstream.Encoder) {
	for _, v := range names {
		if h.Has(v.hint) {
			wire.Empty(e, NS, v.local)
		}
	}
}
