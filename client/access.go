package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"godwit/client/cache"
	"godwit/sasl"
	"godwit/stream"
)

// What this device signs in with: the password, if the application gave one, and a
// token (XEP-0484), which the server gave and the cache keeps. With a token the
// password need not be kept anywhere.

// ErrSignInAgain: the device has no access any more, and no password to get it anew.
// The user must sign in with the password.
var ErrSignInAgain = errors.New("client: sign in again with the password")

// ErrSignedOut is why Run ends after SignOutSelf.
var ErrSignedOut = errors.New("client: this device was signed out")

// access belongs to the client's goroutine.
type access struct {
	password string
	token    *stream.Token // nil without one
	// signingOut: the server was asked to take the access of this device away.
	signingOut bool
}

// recordToken is where the token is kept.
const recordToken = "token"

type tokenRecord struct {
	Token     string    `json:"token"`
	Mechanism string    `json:"mechanism"`
	Expires   time.Time `json:"expires"`
	Count     uint32    `json:"count"`
}

// countAhead is how far the count of attempts jumps at a start: the last few of the run
// before may not have been kept, and none may be used twice (XEP-0484 §3.4).
const countAhead = 1000

// loadAccess reads the token an earlier run left.
func (k *core) loadAccess(ctx context.Context) error {
	k.access.password = k.cfg.Password
	value, err := k.cfg.Cache.Record(ctx, recordToken)
	switch {
	case errors.Is(err, cache.ErrNotFound):
	case err != nil:
		return err
	default:
		var r tokenRecord
		if err := json.Unmarshal(value, &r); err != nil {
			return fmt.Errorf("%w: the record %q: %w", cache.ErrCorrupt, recordToken, err)
		}
		if time.Now().Before(r.Expires) { // the server's clock has the last word
			k.access.token = &stream.Token{Secret: r.Token, Mechanism: sasl.Mechanism(r.Mechanism), Expires: r.Expires, Count: r.Count + countAhead}
		}
	}
	return nil
}

// usable reports whether there is anything to sign in with.
func (a *access) usable() bool { return a.token != nil || a.password != "" }

// credentials are for one attempt to sign in.
func (k *core) credentials() (password string, token *stream.Token) {
	a := &k.access
	if a.token != nil {
		a.token.Count++
		k.saveToken()
		copied := *a.token
		token = &copied
	}
	return a.password, token
}

func (k *core) saveToken() {
	record := cache.Record{Name: recordToken}
	if t := k.access.token; t != nil {
		value, err := json.Marshal(tokenRecord{t.Secret, string(t.Mechanism), t.Expires, t.Count})
		if err != nil {
			return
		}
		record.Value = value
	}
	k.commit(cache.Batch{Records: []cache.Record{record}}, nil)
}

// keepAccess takes over what a sign-in brought.
func (k *core) keepAccess(s *stream.ClientSession) {
	switch {
	case s.Token != nil:
		k.access.token = s.Token
	case s.TokenRefused:
		k.access.token = nil
	default:
		return
	}
	k.saveToken()
}

// withoutAccess makes of a sign-in's error what ends the client, if the user must sign
// in again.
func (k *core) withoutAccess(err error) error {
	var auth *stream.AuthError
	refused := errors.As(err, &auth) && auth.Token && !auth.Temporary()
	if refused {
		k.access.token = nil
		k.saveToken()
	}
	if refused || errors.Is(err, stream.ErrTokenUseless) {
		return fmt.Errorf("%w: %w", ErrSignInAgain, err)
	}
	return err
}
