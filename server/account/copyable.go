package account

import "godwit/stanza"

// Copyable reports whether the account's other sessions get a carbon of a message (XEP-0280 §6.1): what belongs to a conversation between two
// people, unless its sender asked for it to stay between two devices.
func Copyable(st *stanza.Stanza) bool {
	const (
		hints = "urn:xmpp:hints"
		ns    = "urn:xmpp:carbons:2"
	)
	if st.Has(ns, "private") || st.Has(hints, "no-copy") || st.Has(ns, "sent") || st.Has(ns, "received") {
		return false
	}
	switch st.Type {
	case stanza.Chat:
		return true
	case stanza.Normal:
		return Keepable(st)
	case stanza.ErrorType:
		return st.To.IsFull() // the answer to a message that other sessions saw as sent
	}
	return false
}
