package store

import (
	"context"

	"godwit/jid"
)

// Blocklist keeps whom each account has blocked (XEP-0191): addresses of people, of single resources and of whole
// domains, each once. Owners are bare addresses; whether an account exists is not checked.
type Blocklist interface {
	// Load returns the addresses an owner has blocked, in order of address.
	Load(ctx context.Context, owner jid.JID) ([]jid.JID, error)
	// Add blocks addresses, all or none; those blocked already stay so. ErrLimit if the owner would then have more than
	// max (0: no limit).
	Add(ctx context.Context, owner jid.JID, who []jid.JID, max int) error
	// Remove unblocks addresses; those not blocked are passed over.
	Remove(ctx context.Context, owner jid.JID, who []jid.JID) error
	// Clear unblocks all.
	Clear(ctx context.Context, owner jid.JID) error
}
