package stream

import (
	"errors"
	"fmt"

	"godwit/sasl"
	"godwit/stanza"
	"godwit/xmlstream"
)

// Namespaces of RFC 6120 that have no codec of their own.
const (
	NSStreams      = "http://etherx.jabber.org/streams"
	NSClient       = "jabber:client"
	NSStreamErrors = "urn:ietf:params:xml:ns:xmpp-streams"
	NSTLS          = "urn:ietf:params:xml:ns:xmpp-tls"
)

// Condition is a defined stream error condition (RFC 6120 §4.9.3).
type Condition string

// The defined conditions.
const (
	BadFormat              Condition = "bad-format"
	BadNamespacePrefix     Condition = "bad-namespace-prefix"
	Conflict               Condition = "conflict"
	ConnectionTimeout      Condition = "connection-timeout"
	HostGone               Condition = "host-gone"
	HostUnknown            Condition = "host-unknown"
	ImproperAddressing     Condition = "improper-addressing"
	InternalServerError    Condition = "internal-server-error"
	InvalidFrom            Condition = "invalid-from"
	InvalidNamespace       Condition = "invalid-namespace"
	InvalidXML             Condition = "invalid-xml"
	NotAuthorized          Condition = "not-authorized"
	NotWellFormed          Condition = "not-well-formed"
	PolicyViolation        Condition = "policy-violation"
	RemoteConnectionFailed Condition = "remote-connection-failed"
	Reset                  Condition = "reset"
	ResourceConstraint     Condition = "resource-constraint"
	RestrictedXML          Condition = "restricted-xml"
	SeeOtherHost           Condition = "see-other-host"
	SystemShutdown         Condition = "system-shutdown"
	UndefinedCondition     Condition = "undefined-condition"
	UnsupportedEncoding    Condition = "unsupported-encoding"
	UnsupportedFeature     Condition = "unsupported-feature"
	UnsupportedStanzaType  Condition = "unsupported-stanza-type"
	UnsupportedVersion     Condition = "unsupported-version"
)

// Error is a stream error (RFC 6120 §4.9), sent by this end or received from
// the peer. It has two audiences: Condition, Text and App are what the peer
// may read; Cause is for the log of the end that made it and never sent.
type Error struct {
	Condition Condition
	Text      string
	Host      string         // content of see-other-host, "host:port"
	App       xmlstream.Node // application-specific condition, or zero
	Cause     error
	// Remote: the peer sent it to us.
	Remote bool
}

func (e *Error) Error() string {
	who := "stream error"
	if e.Remote {
		who = "stream error from peer"
	}
	s := who + ": " + string(e.Condition)
	if e.Text != "" {
		s += " (" + e.Text + ")"
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Is matches another *Error with the same condition and nothing else set, so
// that errors.Is(err, &Error{Condition: Conflict}) works.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Condition == e.Condition && t.Text == "" && t.Cause == nil
}

// Errorf makes an error of this end with a text for the peer. A %w verb also
// becomes the cause.
func Errorf(c Condition, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Condition: c, Text: err.Error(), Cause: errors.Unwrap(err)}
}

// Errors by which a caller decides what to do next. Those of package sasl
// (ErrDowngrade, ErrNoMechanism, ErrServerProof …) come through unchanged.
var (
	// ErrTLSRequired: the server offers no encryption, or offered it before and
	// no longer does. Trying again without it would help an attacker.
	ErrTLSRequired = errors.New("stream: the server offers no encryption, which this account requires")
	// ErrDetached: the stream's session has moved to another stream or ended.
	ErrDetached = errors.New("stream: the session is no longer on this stream")
	// ErrNegotiating: only stanzas may be sent before sign-in has ended.
	ErrNegotiating = errors.New("stream: sign-in has not ended")
	// ErrTooManyUnacked: the peer acknowledged nothing until the bound of the
	// queue of unacknowledged stanzas was reached.
	ErrTooManyUnacked = errors.New("stream: too much is unacknowledged")
	// ErrTooOften is why an attempt to sign in was refused that AuthGuard.Allow
	// did not allow. The peer reads temporary-auth-failure.
	ErrTooOften = errors.New("stream: too many attempts lately")
	// ErrLost: the transport ended without an end of stream. The session may
	// be resumed.
	ErrLost = errors.New("stream: the connection was lost")
)

// AuthError is a refused sign-in (RFC 6120 §6.5).
type AuthError struct {
	Condition sasl.Condition
	Text      string
	Mechanism sasl.Mechanism
	// Token: what was refused is a token (XEP-0484), not a password; there was no password to try instead.
	Token bool
	// App is an application-specific condition of the failure, or zero.
	App xmlstream.Node
}

func (e *AuthError) Error() string {
	s := "sign-in refused: " + string(e.Condition)
	if e.Text != "" {
		s += " (" + e.Text + ")"
	}
	return s
}

// Temporary reports whether the same credentials may be accepted later.
func (e *AuthError) Temporary() bool { return e.Condition == sasl.TemporaryAuthFailure }

// BindError is a refused resource (RFC 6120 §7.6.2, §7.7.2).
type BindError struct{ Err *stanza.Error }

func (e *BindError) Error() string { return "no resource was bound: " + e.Err.Error() }

// Unwrap returns the stanza error.
func (e *BindError) Unwrap() error { return e.Err }
