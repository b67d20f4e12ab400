package stanza

import "errors"

// ErrNotStanzaError reports an element that is no <error/>.
var ErrNotStanzaError = errors.New("stanza: element is no stanza error")

// conditions lists the defined conditions with the kind RFC 6120 §8.3.3 associates and the legacy code of XEP-0086 (0
// where it has none).
var conditions = map[string]struct {
	kind ErrorKind
	code int
}{
	"bad-request":             {Modify, 400},
	"conflict":                {Cancel, 409},
	"feature-not-implemented": {Cancel, 501},
	"forbidden":               {Auth, 403},
	"gone":                    {Cancel, 302},
	"internal-server-error":   {Cancel, 500},
	"item-not-found":          {Cancel, 404},
	"jid-malformed":           {Modify, 400},
	"not-acceptable":          {Modify, 406},
	"not-allowed":             {Cancel, 405},
	"not-authorized":          {Auth, 401},
	"policy-violation":        {Modify, 0},
	"recipient-unavailable":   {Wait, 404},
	"redirect":                {Modify, 302},
	"registration-required":   {Auth, 407},
	"remote-server-not-found": {Cancel, 404},
	"remote-server-timeout":   {Wait, 504},
	"resource-constraint":     {Wait, 500},
	"service-unavailable":     {Cancel, 503},
	"subscription-required":   {Auth, 407},
	"undefined-condition":     {Cancel, 500},
	"unexpected-request":      {Wait, 400},
}

func defined(condition string) *Error {
	return &Error{Type: conditions[condition].kind, Condition: condition}
}

// ErrBadRequest is bad-request (RFC 6120 §8.3.3.1).
func ErrBadRequest() *Error { return defined("bad-request") }

// ErrConflict is conflict (RFC 6120 §8.3.3.2).
func ErrConflict() *Error { return defined("conflict") }

// ErrFeatureNotImplemented is feature-not-implemented (RFC 6120 §8.3.3.3).
func ErrFeatureNotImplemented() *Error { return defined("feature-not-implemented") }

// ErrForbidden is forbidden (RFC 6120 §8.3.3.4).
func ErrForbidden() *Error { return defined("forbidden") }

// ErrGone is gone (RFC 6120 §8.3.3.5).
func ErrGone() *Error { return defined("gone") }

// ErrInternalServerError is internal-server-error (RFC 6120 §8.3.3.6).
func ErrInternalServerError() *Error { return defined("internal-server-error") }

// ErrItemNotFound is item-not-found (RFC 6120 §8.3.3.7).
func ErrItemNotFound() *Error { return defined("item-not-found") }

// ErrJIDMalformed is jid-malformed (RFC 6120 §8.3.3.8).
func ErrJIDMalformed() *Error { return defined("jid-malformed") }

// ErrNotAcceptable is not-acceptable (RFC 6120 §8.3.3.9).
func ErrNotAcceptable() *Error { return defined("not-acceptable") }

// ErrNotAllowed is not-allowed (RFC 6120 §8.3.3.10).
func ErrNotAllowed() *Error { return defined("not-allowed") }

// ErrNotAuthorized is not-authorized (RFC 6120 §8.3.3.11).
func ErrNotAuthorized() *Error { return defined("not-authorized") }

// ErrPolicyViolation is policy-violation (RFC 6120 §8.3.3.12).
func ErrPolicyViolation() *Error { return defined("policy-violation") }

// ErrRecipientUnavailable is recipient-unavailable (RFC 6120 §8.3.3.13).
func ErrRecipientUnavailable() *Error { return defined("recipient-unavailable") }

// ErrRedirect is redirect (RFC 6120 §8.3.3.14).
func ErrRedirect() *Error { return defined("redirect") }

// ErrRegistrationRequired is registration-required (RFC 6120 §8.3.3.15).
func ErrRegistrationRequired() *Error { return defined("registration-required") }

// ErrRemoteServerNotFound is remote-server-not-found (RFC 6120 §8.3.3.16).
func ErrRemoteServerNotFound() *Error { return defined("remote-server-not-found") }

// ErrRemoteServerTimeout is remote-server-timeout (RFC 6120 §8.3.3.17).
func ErrRemoteServerTimeout() *Error { return defined("remote-server-timeout") }

// ErrResourceConstraint is resource-constraint (RFC 6120 §8.3.3.18).
func ErrResourceConstraint() *Error { return defined("resource-constraint") }

// ErrServiceUnavailable is service-unavailable (RFC 6120 §8.3.3.19).
func ErrServiceUnavailable() *Error { return defined("service-unavailable") }

// ErrSubscriptionRequired is subscription-required (RFC 6120 §8.3.3.20).
func ErrSubscriptionRequired() *Error { return defined("subscription-required") }

// ErrUndefinedCondition is undefined-condition (RFC 6120 §8.3.3.21).
func ErrUndefinedCondition() *Error { return defined("undefined-condition") }

// ErrUnexpectedRequest is unexpected-request (RFC 6120 §8.3.3.22).
func ErrUnexpectedRequest() *Error { return defined("unexpected-request") }
