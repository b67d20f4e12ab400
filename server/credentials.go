package server

import (
	"context"
	"errors"
	"time"

	"godwit/jid"
	"godwit/sasl"
	"godwit/server/register"
	"godwit/store"
)

// credentials returns the keys of an account, or none if there is no such account.
func (s Store) credentials(ctx context.Context, who jid.JID) (map[sasl.Hash]sasl.Credentials, error) {
	a, err := s.Accounts.Get(ctx, who)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	keys := make(map[sasl.Hash]sasl.Credentials, len(a.Credentials))
	for hash, c := range a.Credentials {
		keys[sasl.Hash(hash)] = sasl.Credentials(c)
	}
	return keys, nil
}

// CreateAccount adds an account that signs in with a password. Only salted keys are stored (RFC 5802 §3).
func (s Store) CreateAccount(ctx context.Context, a store.Account, password string) error {
	keys, err := derive(password)
	if err != nil {
		return err
	}
	a.Credentials = keys
	return s.Accounts.Create(ctx, a)
}

// SetPassword replaces the keys of an account.
func (s Store) SetPassword(ctx context.Context, who jid.JID, password string) error {
	keys, err := derive(password)
	if err != nil {
		return err
	}
	return s.Accounts.SetCredentials(ctx, who, keys)
}

func derive(password string) (map[store.Hash]store.Credentials, error) {
	keys, err := sasl.NewCredentials(password)
	if err != nil {
		return nil, err
	}
	out := make(map[store.Hash]store.Credentials, len(keys))
	for hash, c := range keys {
		out[store.Hash(hash)] = store.Credentials(c)
	}
	return out, nil
}

// registry is the store's accounts as package register wants them.
type registry struct{ Store }

var _ register.Accounts = registry{}

func (r registry) IsPassword(ctx context.Context, who jid.JID, password string) (bool, error) {
	keys, err := r.credentials(ctx, who)
	return err == nil && sasl.Matches(keys, password), err
}

func (r registry) Exists(ctx context.Context, who jid.JID) (bool, error) {
	_, err := r.Accounts.Get(ctx, who)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func (r registry) Create(ctx context.Context, who jid.JID, password string) error {
	return r.CreateAccount(ctx, store.Account{JID: who, Created: time.Now()}, password)
}

func (r registry) Remove(ctx context.Context, who jid.JID) error { return r.Accounts.Remove(ctx, who) }
