package sasl

import "errors"

// Condition is a SASL error condition of RFC 6120 §6.5, spelled as on the wire.
type Condition string

// The conditions of RFC 6120 §6.5.
const (
	Aborted              Condition = "aborted"
	AccountDisabled      Condition = "account-disabled"
	CredentialsExpired   Condition = "credentials-expired"
	EncryptionRequired   Condition = "encryption-required"
	IncorrectEncoding    Condition = "incorrect-encoding"
	InvalidAuthzid       Condition = "invalid-authzid"
	InvalidMechanism     Condition = "invalid-mechanism"
	MalformedRequest     Condition = "malformed-request"
	MechanismTooWeak     Condition = "mechanism-too-weak"
	NotAuthorized        Condition = "not-authorized"
	TemporaryAuthFailure Condition = "temporary-auth-failure"
)

// Error is a failed authentication as the server states it. Condition goes to the client. Detail is for the log
// only: it may tell a wrong password from an unknown user, which the client must not learn. It holds no secrets.
type Error struct {
	Condition Condition
	Detail    string
	Cause     error // what Lookup reported, if anything
}

// Error implements error.
func (e *Error) Error() string {
	s := "sasl: " + string(e.Condition)
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Is makes errors.Is match on the condition alone, against an *Error without Detail and Cause.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Condition == e.Condition && t.Detail == "" && t.Cause == nil
}

func fail(c Condition, detail string) *Error { return &Error{Condition: c, Detail: detail} }

// Errors of the client's end, to be matched with errors.Is. None of them was said by the server.
var (
	// ErrNoMechanism: nothing that was announced is known here and allowed.
	ErrNoMechanism = errors.New("sasl: the server offers no mechanism that is allowed here")
	// ErrDowngrade: what was announced was tampered with, contradicts itself or is weaker than what is required.
	ErrDowngrade = errors.New("sasl: the announced mechanisms are weaker than they must be, somebody may be listening")
	// ErrServerProof: the server does not prove that it knows the password. Trust nothing it says.
	ErrServerProof = errors.New("sasl: the server did not prove that it knows the account")
	// ErrChallenge: the server sent something that the mechanism does not allow.
	ErrChallenge = errors.New("sasl: the server sent a malformed challenge")
	// ErrIterations: the server asks for fewer than MinIterations or more than MaxIterations rounds of hashing.
	ErrIterations = errors.New("sasl: the server asks for an unacceptable iteration count")
	// ErrPassword: the password is empty, too long, not UTF-8 or holds characters that passwords may not hold.
	ErrPassword = errors.New("sasl: the password cannot be used")
	// ErrFinished: the exchange is over, by success or failure.
	ErrFinished = errors.New("sasl: the exchange is over")
)

// ErrBindingType is the cause of a refusal: the client wants a channel-binding type that was not announced, as old clients do that know only
// tls-unique, which TLS 1.3 does not have. No password was tried.
var ErrBindingType = errors.New("the channel-binding type was not announced")
