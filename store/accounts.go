package store

import (
	"context"
	"time"

	"godwit/jid"
)

// Hash names the hash function of one set of SCRAM credentials, by the name SCRAM mechanisms carry: "SHA-1",
// "SHA-256", "SHA-512" (RFC 5802 §4, RFC 7677). It converts to and from package sasl's type of the same name.
type Hash string

// Credentials is what the server keeps of a password under one hash (RFC 5802 §3): never the password itself, nor
// anything that signs in without it. Its fields are those of sasl.Credentials in the same order, so one converts to the
// other: store.Credentials(c). It is declared here so that a record on disk does not change shape with a mechanism.
type Credentials struct {
	Salt       []byte
	Iterations int
	StoredKey  []byte
	ServerKey  []byte
}

// Account is one person who may sign in.
type Account struct {
	// JID is the bare address, the key of the account. (It is the address and not just the local part, because roster,
	// archive and inbox are kept by it and are removed with the account.)
	JID jid.JID
	// Created is when the account was added.
	Created time.Time
	// Credentials holds one entry per hash. An account without any exists but cannot sign in by password.
	Credentials map[Hash]Credentials
}

// MaxAccountsPage is the most accounts one [Accounts.List] returns.
const MaxAccountsPage = 1000

// Accounts keeps who may sign in.
type Accounts interface {
	// Create adds an account, all of it or nothing. ErrExists if the address is taken, ErrInvalid if it is not a bare
	// address with a local part.
	Create(ctx context.Context, a Account) error
	// Get returns an account with its credentials, or ErrNotFound.
	Get(ctx context.Context, account jid.JID) (Account, error)
	// SetCredentials replaces all credentials of an account at once, and takes away all its grants of access by token: a password is changed
	// because somebody else may know the old one, and that one could have got tokens with it. ErrNotFound if there is no such account.
	SetCredentials(ctx context.Context, account jid.JID, c map[Hash]Credentials) error
	// Remove deletes an account and, in the same transaction, its roster, archive, archive preferences, inbox, blocklist, nodes, grants and invitations; its
	// uploads expire.
	// ErrNotFound if there is no such account (what may be left under its address is removed all the same). Entries in
	// other people's archives stay.
	Remove(ctx context.Context, account jid.JID) error
	// List returns up to max accounts (0 or more than MaxAccountsPage means MaxAccountsPage) in order of address,
	// beginning after the given one (the zero JID begins at the start). Credentials are left out.
	List(ctx context.Context, after jid.JID, max int) ([]Account, error)
}
