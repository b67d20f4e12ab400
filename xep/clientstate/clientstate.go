package clientstate

import (
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of <active/> and <inactive/>, and of the feature.
const NS = "urn:xmpp:csi:0"

// State is what a client says about itself; the zero value says nothing.
type State uint8

// The states. A session begins active (XEP-0352 §4.2).
const (
	Unsaid State = iota
	Active
	Inactive
)

// FromName tells the state from an element's name alone.
func FromName(n xmlstream.Name) (State, bool) {
	if n.Space == NS {
		switch n.Local {
		case "active":
			return Active, true
		case "inactive":
			return Inactive, true
		}
	}
	return Unsaid, false
}

// Parse reads <active/> or <inactive/>.
func Parse(n xmlstream.Node) (State, error) {
	s, ok := FromName(n.Name)
	if !ok {
		return Unsaid, wire.Unknown(n, "client state indication")
	}
	return s, nil
}

// Encode writes the element; nothing for [Unsaid].
func (s State) Encode(e *xmlstream.Encoder) {
	switch s {
	case Active:
		wire.Empty(e, NS, "active")
	case Inactive:
		wire.Empty(e, NS, "inactive")
	}
}

// Feature is the stream feature <csi/> (XEP-0352 §4.1).
type Feature struct{}

// Encode writes <csi/>.
func (Feature) Encode(e *xmlstream.Encoder) { wire.Empty(e, NS, "csi") }
