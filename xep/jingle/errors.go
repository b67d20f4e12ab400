package jingle

import (
	"godwit/stanza"
	"godwit/xmlstream"
)

// ErrorsNS is the namespace of the conditions that Jingle adds to stanza
// errors (XEP-0166 §10).
const ErrorsNS = "urn:xmpp:jingle:errors:1"

// ErrOutOfOrder answers a request that has no place in the session's state.
func ErrOutOfOrder() *stanza.Error {
	return with(stanza.ErrUnexpectedRequest(), "out-of-order")
}

// ErrTieBreak answers the request that loses against one sent at the same time
// (XEP-0166 §7.2.16).
func ErrTieBreak() *stanza.Error { return with(stanza.ErrConflict(), "tie-break") }

// ErrUnknownSession answers a request about a session that does not live here.
func ErrUnknownSession() *stanza.Error { return with(stanza.ErrItemNotFound(), "unknown-session") }

// ErrUnsupportedInfo answers an informational payload nobody here understands.
func ErrUnsupportedInfo() *stanza.Error {
	return with(stanza.ErrFeatureNotImplemented(), "unsupported-info").WithType(stanza.Modify)
}

// IsTieBreak tells an error that ErrTieBreak made. XEP-0166 asks for the stanza
// condition and recommends its own beside it, so the former is enough.
func IsTieBreak(e *stanza.Error) bool { return e.Condition == "conflict" }

// IsUnknownSession tells an error that ErrUnknownSession made.
func IsUnknownSession(e *stanza.Error) bool {
	return e.App.Name == xmlstream.Name{Space: ErrorsNS, Local: "unknown-session"}
}

func with(e *stanza.Error, condition string) *stanza.Error {
	return e.WithApp(xmlstream.NewNode(ErrorsNS, condition))
}
