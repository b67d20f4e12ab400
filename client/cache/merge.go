package cache

// Merge adds to m what another copy of the same message knows and m does not. What a user may have seen (time, text) stays as it is, and what was retracted stays without text.
func (m *Message) Merge(copy *Message) {
	if m.OriginID == "" {
		m.OriginID = copy.OriginID
	}
	if m.Name == "" && copy.Name != m.OriginID {
		m.Name = copy.Name
	}
	if m.StanzaID == "" {
		m.Archive, m.StanzaID = copy.Archive, copy.StanzaID
	}
	if m.Route == "" {
		m.Route = copy.Route
	}
	if len(m.Stanza) == 0 && m.Retracted.IsZero() {
		m.Stanza, m.Body, m.Quote, m.ReplyTo, m.ReplyFrom = copy.Stanza, copy.Body, copy.Quote, copy.ReplyTo, copy.ReplyFrom
	}
	if copy.Direction == m.Direction {
		m.Raise(copy.State, copy.Error)
	}
}

// Raise brings an outgoing message to a state, unless it is there or beyond.
func (m *Message) Raise(s State, reason string) {
	if m.Direction != Out || s <= m.State {
		return
	}
	m.State, m.Error = s, ""
	if s == StateFailed {
		m.Error = reason
	}
}
