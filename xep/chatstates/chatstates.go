package chatstates

import (
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of the elements and the name of the feature.
const NS = "http://jabber.org/protocol/chatstates"

// State is what a person does in a chat; its text is the element's name.
type State string

// The states (XEP-0085 §2).
const (
	Active    State = "active"
	Composing State = "composing"
	Paused    State = "paused"
	Inactive  State = "inactive"
	Gone      State = "gone"
)

// FromName tells the state from an element's name alone.
func FromName(n xmlstream.Name) (State, bool) {
	if n.Space != NS {
		return "", false
	}
	switch s := State(n.Local); s {
	case Active, Composing, Paused, Inactive, Gone:
		return s, true
	}
	return "", false
}

// Parse reads a chat state.
func Parse(n xmlstream.Node) (State, error) {
	s, ok := FromName(n.Name)
	if !ok {
		return "", wire.Unknown(n, "chat states")
	}
	return s, nil
}

// Encode writes the element; nothing for the empty state.
func (s State) Encode(e *xmlstream.Encoder) {
	if s != "" {
		wire.Empty(e, NS, string(s))
	}
}
