package devices

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"godwit/jid"
	"godwit/sasl"
	"godwit/store"
	"godwit/stream"
	"godwit/xep/fast"
)

// Defaults of Config.
const (
	DefaultLife = 21 * 24 * time.Hour
	// MinLife and MaxLife bound what may be configured.
	MinLife = time.Hour
	MaxLife = 400 * 24 * time.Hour
	// DefaultMost is how many clients of one account may hold tokens.
	DefaultMost = 50
	// rotateAfter is how old a token gets before a sign-in brings the next one; a token that lives shorter, half its life.
	rotateAfter = 24 * time.Hour
	saltSize    = 32
)

// Config says how access is kept. Grants, Secret, Sessions and Log are required.
type Config struct {
	Grants store.Grants
	// Secret makes tokens out of what the store has of them: at least 32 bytes, the same for the lifetime of the domain.
	Secret   []byte
	Sessions Sessions
	// Life is how long a token is good that is not used; DefaultLife.
	Life time.Duration
	// Most is how many clients of one account hold tokens at a time, the one used least recently gives way; DefaultMost.
	Most int
	Now  func() time.Time // time.Now
	Log  *slog.Logger
}

// Counters are the numbers operators watch. Safe for concurrent use.
type Counters struct {
	Issued  atomic.Int64 // tokens, ever
	Used    atomic.Int64 // sign-ins with one
	Revoked atomic.Int64 // clients whose access was taken away by their owners
}

// Room keeps access. Its fields are constant; it is safe for concurrent use.
type Room struct {
	cfg      Config
	Counters Counters
}

var _ stream.Tokens = (*Room)(nil)

// New returns the room.
func New(cfg Config) (*Room, error) {
	if len(cfg.Secret) < 32 || cfg.Grants == nil || cfg.Sessions == nil || cfg.Log == nil {
		return nil, errors.New("devices: the configuration is not complete")
	}
	if cfg.Life == 0 {
		cfg.Life = DefaultLife
	}
	if cfg.Life < MinLife || cfg.Life > MaxLife {
		return nil, errors.New("devices: tokens live from an hour to 400 days")
	}
	if cfg.Most == 0 {
		cfg.Most = DefaultMost
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Room{cfg: cfg}, nil
}

// derive makes a value that only whoever has the secret can make. The parts hold no NUL.
func (r *Room) derive(purpose string, account jid.JID, agent string, rest ...string) []byte {
	m := hmac.New(sha256.New, r.cfg.Secret)
	for _, part := range append([]string{purpose, account.String(), agent}, rest...) {
		m.Write([]byte(part))
		m.Write([]byte{0})
	}
	return m.Sum(nil)
}

// secret is a token as its client has it.
func (r *Room) secret(account jid.JID, agent string, t store.Token) string {
	return base64.RawURLEncoding.EncodeToString(r.derive("token", account, agent, t.Mechanism, base64.RawURLEncoding.EncodeToString(t.Salt)))
}

// id is what an owner knows a client by: the same as long as the client calls itself the same.
func (r *Room) id(account jid.JID, agent string) string {
	return base64.RawURLEncoding.EncodeToString(r.derive("id", account, agent)[:12])
}

// Lookup implements [stream.Tokens].
func (r *Room) Lookup(ctx context.Context, account jid.JID, agent string, m sasl.Mechanism) ([]stream.HeldToken, error) {
	g, err := r.cfg.Grants.Grant(ctx, account, agent)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	now := r.cfg.Now()
	var held []stream.HeldToken
	for _, t := range []store.Token{g.New, g.Current} { // XEP-0484 §6.1
		if t.IsZero() || t.Mechanism != string(m) {
			continue
		}
		h := stream.HeldToken{Token: sasl.Token{Secret: r.secret(account, agent, t)}, Key: t.Salt}
		if !t.Expires.After(now) {
			h.Refusal = &sasl.Error{Condition: sasl.CredentialsExpired, Detail: "the token has expired"}
		}
		held = append(held, h)
	}
	return held, nil
}

// Use implements [stream.Tokens].
func (r *Room) Use(ctx context.Context, u stream.TokenUse) (renew bool, err error) {
	now := r.cfg.Now()
	err = r.cfg.Grants.Use(ctx, store.GrantUse{Account: u.Account, Agent: u.Agent, Salt: u.Key, Count: u.Count, Address: address(u.Remote), Now: now})
	switch {
	case errors.Is(err, store.ErrExists):
		return false, &sasl.Error{Condition: sasl.NotAuthorized, Detail: "the token was used with this count before"}
	case errors.Is(err, store.ErrNotFound):
		return false, &sasl.Error{Condition: sasl.NotAuthorized, Detail: "the token was taken away"}
	case err != nil:
		return false, err
	}
	r.Counters.Used.Add(1)
	if u.Invalidate {
		// All of the client's: the newer one may never have reached it, and is not to outlive a sign-out.
		if err := r.cfg.Grants.Revoke(ctx, u.Account, u.Agent); err != nil && !errors.Is(err, store.ErrNotFound) {
			return false, err
		}
		return false, nil
	}
	g, err := r.cfg.Grants.Grant(ctx, u.Account, u.Agent)
	if err != nil { // it was proven; what comes next is a convenience
		return false, nil
	}
	t := g.Find(u.Key)
	return t != nil && now.Sub(t.Issued) >= min(rotateAfter, r.cfg.Life/2), nil
}

// Issue implements [stream.Tokens].
func (r *Room) Issue(ctx context.Context, q stream.TokenRequest) (fast.Token, error) {
	now := r.cfg.Now()
	t := store.Token{Salt: make([]byte, saltSize), Mechanism: string(q.Mechanism), Issued: now, Expires: now.Add(r.cfg.Life)}
	rand.Read(t.Salt) // never fails
	err := r.cfg.Grants.Issue(ctx, store.Grant{
		Account: q.Account, Agent: q.Agent.ID, ID: r.id(q.Account, q.Agent.ID), Software: q.Agent.Software, Device: q.Agent.Device,
		Address: address(q.Remote), First: now, Last: now, Password: q.Password, New: t,
	}, r.cfg.Most)
	if err != nil {
		r.cfg.Log.Error("a token could not be issued", "account", q.Account.String(), "error", err)
		return fast.Token{}, err
	}
	r.Counters.Issued.Add(1)
	return fast.Token{Token: r.secret(q.Account, q.Agent.ID, t), Expiry: t.Expires}, nil
}

// Holds reports whether a client still has access by token. A session that was let in by one is asked about again once it is bound, so that
// access which is taken away in that very moment is gone.
func (r *Room) Holds(ctx context.Context, account jid.JID, agent string) (bool, error) {
	_, err := r.cfg.Grants.Grant(ctx, account, agent)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// Purge removes up to max grants that are of no use any more, and returns how many.
func (r *Room) Purge(ctx context.Context, max int) (int, error) {
	return r.cfg.Grants.Purge(ctx, r.cfg.Now(), max)
}
