package client

import (
	"context"
	"errors"

	"godwit/client/cache"
	"godwit/client/outbox"
	"godwit/stanza"
	"godwit/stream"
)

// coded is an error with a stable word of its own.
type coded struct {
	error
	code string
}

func (c *coded) Unwrap() error { return c.error }

// WithCode gives an error a stable word that Code finds.
func WithCode(code string, err error) error { return &coded{err, code} }

// codes are the stable words of errors that carry none themselves.
var codes = []struct {
	err  error
	code string
}{
	{ErrOffline, "offline"}, {ErrClosed, "closed"}, {ErrTimeout, "timeout"}, {ErrInvalid, "invalid"},
	{outbox.ErrIDUsed, "id-used"}, {outbox.ErrFull, "outbox-full"}, {outbox.ErrTooBig, "too-big"}, {outbox.ErrInvalid, "invalid"},
	{outbox.ErrUnknown, "not-found"},
	{cache.ErrNotFound, "not-found"}, {cache.ErrInvalid, "invalid"}, {cache.ErrLimit, "limit"}, {cache.ErrBusy, "busy"},
	{cache.ErrFull, "disk-full"}, {cache.ErrIO, "disk"}, {cache.ErrCorrupt, "damaged"}, {cache.ErrClosed, "closed"},
	{stream.ErrTLSRequired, "tls-required"}, {ErrSignInAgain, "auth"}, {ErrSignedOut, "signed-out"}, {ErrKnowsPassword, "password-reset-required"},
	{context.Canceled, "cancelled"}, {context.DeadlineExceeded, "timeout"},
}

// Code is a stable word for an error, for programs: the condition of a stanza error (RFC
// 6120 §8.3.3), "auth" for a sign-in that was refused ("auth-later" for one that was for now), one of this package's own, or "" for
// an error without one.
func Code(err error) string {
	var c *coded
	if errors.As(err, &c) {
		return c.code
	}
	var s *stanza.Error
	if errors.As(err, &s) {
		return s.Condition
	}
	var auth *stream.AuthError
	if errors.As(err, &auth) {
		if auth.Temporary() {
			return "auth-later"
		}
		return "auth"
	}
	for _, known := range codes {
		if errors.Is(err, known.err) {
			return known.code
		}
	}
	return ""
}
