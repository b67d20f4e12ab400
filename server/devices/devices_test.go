package devices_test

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"godwit/jid"
	"godwit/sasl"
	"godwit/server/account"
	"godwit/server/devices"
	"godwit/store"
	"godwit/store/memory"
	"godwit/stream"
)

var (
	alice = jid.MustParse("alice@b.example")
	home  = netip.MustParseAddr("192.0.2.1")
	agent = stream.UserAgent{ID: "d4565fa7-4d72-4749-b3d3-740edbf87770", Software: "Godwit 0.1", Device: "desk"}
)

type sessions []account.Info

func (s sessions) SessionsOf(jid.JID) []account.Info                      { return s }
func (sessions) EndWhere(jid.JID, func(account.Info) bool, *stream.Error) {}

// room is a room with alice, and a clock.
func room(t *testing.T, life time.Duration) (*devices.Room, store.Grants, *time.Time) {
	t.Helper()
	s := memory.New()
	if err := s.Accounts().Create(t.Context(), store.Account{JID: alice, Created: time.Unix(1, 0)}); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	r, err := devices.New(devices.Config{Grants: s.Grants(), Secret: []byte("a secret of thirty-two bytes or so"), Sessions: sessions{}, Life: life,
		Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return r, s.Grants(), &now
}

func issue(t *testing.T, r *devices.Room) string {
	t.Helper()
	tok, err := r.Issue(t.Context(), stream.TokenRequest{Account: alice, Agent: agent, Remote: home, Mechanism: sasl.HTSHA256None})
	if err != nil {
		t.Fatal(err)
	}
	return tok.Token
}

// present signs in with a token as package stream does.
func present(r *devices.Room, secret string, invalidate bool) (renew bool, err error) {
	held, err := r.Lookup(context.Background(), alice, agent.ID, sasl.HTSHA256None)
	if err != nil {
		return false, err
	}
	for _, h := range held {
		if h.Secret != secret {
			continue
		}
		if h.Refusal != nil {
			return false, h.Refusal
		}
		return r.Use(context.Background(), stream.TokenUse{Account: alice, Agent: agent.ID, Remote: home, Key: h.Key, Invalidate: invalidate})
	}
	return false, &sasl.Error{Condition: sasl.NotAuthorized}
}

func condition(err error) sasl.Condition {
	var e *sasl.Error
	if errors.As(err, &e) {
		return e.Condition
	}
	return ""
}

// A token lives as long as it is used, and the next one takes its place once it is used.
func TestTokensLive(t *testing.T) {
	r, _, now := room(t, 0)
	secret := issue(t, r)
	for day := range 60 {
		renew, err := present(r, secret, false)
		if err != nil || renew != (day > 0) {
			t.Fatalf("day %d: %v, %v", day, renew, err)
		}
		if renew {
			next := issue(t, r)
			if _, err := present(r, secret, false); err != nil { // the answer was lost
				t.Fatalf("day %d, the old one: %v", day, err)
			}
			if _, err := present(r, next, false); err != nil {
				t.Fatalf("day %d, the new one: %v", day, err)
			}
			if _, err := present(r, secret, false); condition(err) != sasl.NotAuthorized {
				t.Fatalf("day %d, the old one after the new one: %v", day, err)
			}
			secret = next
		}
		*now = now.Add(24 * time.Hour)
	}
}

func TestTokensEnd(t *testing.T) {
	r, grants, now := room(t, 2*time.Hour)
	secret := issue(t, r)
	*now = now.Add(2*time.Hour - time.Second)
	if renew, err := present(r, secret, false); err != nil || !renew {
		t.Errorf("in its last second: %v, %v", renew, err)
	}
	*now = now.Add(time.Second)
	if _, err := present(r, secret, false); condition(err) != sasl.CredentialsExpired {
		t.Errorf("too old: %v", err)
	}
	if n, err := r.Purge(t.Context(), 10); n != 1 || err != nil {
		t.Errorf("removed %d, %v", n, err)
	}
	// Signing out takes both away, the one that may never have arrived too.
	secret = issue(t, r)
	if _, err := present(r, secret, false); err != nil {
		t.Fatal(err)
	}
	next := issue(t, r)
	if _, err := present(r, secret, true); err != nil {
		t.Error(err)
	}
	for _, s := range []string{secret, next} {
		if _, err := present(r, s, false); condition(err) != sasl.NotAuthorized {
			t.Errorf("after signing out: %v", err)
		}
	}
	if there, err := r.Holds(t.Context(), alice, agent.ID); there || err != nil {
		t.Error(there, err)
	}
	if _, err := grants.Grant(t.Context(), alice, agent.ID); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	// For another mechanism it is none.
	issue(t, r)
	if held, err := r.Lookup(t.Context(), alice, agent.ID, sasl.HTSHA256Exporter); len(held) != 0 || err != nil {
		t.Error(held, err)
	}
}

// What is stored is not the token, and another server's secret makes another token of it.
func TestRowsSignNobodyIn(t *testing.T) {
	r, grants, now := room(t, 0)
	secret := issue(t, r)
	g, err := grants.Grant(t.Context(), alice, agent.ID)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(secret)
	if err != nil || len(raw) != 32 {
		t.Fatalf("%q, %v", secret, err)
	}
	if s := string(g.New.Salt); s == string(raw) || s == secret || strings.Contains(s, secret) {
		t.Error("the token is in the database")
	}
	other, err := devices.New(devices.Config{Grants: grants, Secret: []byte("another secret of thirty-two bytes"), Sessions: sessions{},
		Now: func() time.Time { return *now }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := present(other, secret, false); condition(err) != sasl.NotAuthorized {
		t.Errorf("with another secret: %v", err)
	}
	if _, err := present(r, secret, false); err != nil {
		t.Error(err)
	}
}

func TestConfig(t *testing.T) {
	good := devices.Config{Grants: memory.New().Grants(), Secret: make([]byte, 32), Sessions: sessions{}, Log: slog.New(slog.DiscardHandler)}
	for why, spoil := range map[string]func(*devices.Config){
		"a short secret": func(c *devices.Config) { c.Secret = c.Secret[:31] }, "no store": func(c *devices.Config) { c.Grants = nil },
		"a life of a minute": func(c *devices.Config) { c.Life = time.Minute }, "a life of years": func(c *devices.Config) { c.Life = 1000 * 24 * time.Hour },
	} {
		c := good
		spoil(&c)
		if _, err := devices.New(c); err == nil {
			t.Errorf("%s was taken", why)
		}
	}
}
