package account

import (
	"strconv"

	"godwit/jid"
	"godwit/stanza"
	"godwit/xmlstream"
)

// nsStanzaID is the namespace of XEP-0359.
const nsStanzaID = "urn:xmpp:sid:0"

// ParseStored reads a stanza that this server wrote to its store.
func ParseStored(raw []byte) (*stanza.Stanza, error) {
	el, err := xmlstream.ParseElement(raw, xmlstream.ServerLimits())
	if err != nil {
		return nil, err
	}
	return stanza.FromElement(&el)
}

// StampID adds the archive's id of a message, as only this server may (XEP-0359 §3.2).
func StampID(st *stanza.Stanza, by jid.JID, id int64) *stanza.Stanza {
	return st.WithChildren(func(e *xmlstream.Encoder) {
		e.Start(nsStanzaID, "stanza-id")
		e.Attr("by", by.String())
		e.Attr("id", FormatID(id))
		e.End()
	})
}

// FormatID writes an archive id as it goes over the wire.
func FormatID(id int64) string { return strconv.FormatInt(id, 10) }

// ParseID reads what FormatID wrote; ok is false for anything else.
func ParseID(s string) (id int64, ok bool) {
	id, err := strconv.ParseInt(s, 10, 64)
	return id, err == nil && id > 0 && FormatID(id) == s
}

// Keepable reports whether a message is worth waiting for an absent recipient (XEP-0160 §3): one with something to read, or one that the
// sender asks to store (XEP-0334), and not one about the moment.
func Keepable(st *stanza.Stanza) bool {
	const hints = "urn:xmpp:hints"
	switch st.Type {
	case stanza.Chat, stanza.Normal:
	default:
		return false
	}
	if st.Has(hints, "no-store") || st.Has(hints, "no-permanent-store") {
		return false
	}
	if st.Has(hints, "store") || st.Has(nsClient, "body") {
		return true
	}
	// Receipts, markers, corrections and encrypted payloads concern messages the recipient has; chat states alone do not.
	for name := range st.ChildNames() {
		switch name.Space {
		case "urn:xmpp:receipts", "urn:xmpp:chat-markers:0", "urn:xmpp:message-correct:0", "urn:xmpp:message-retract:1",
			"urn:xmpp:reactions:0", "eu.siacs.conversations.axolotl", "urn:xmpp:omemo:2":
			return true
		}
	}
	return false
}
