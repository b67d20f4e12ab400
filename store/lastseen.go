package store

import (
	"context"
	"time"

	"godwit/jid"
)

// Seen is when an account was last online, and its last words (XEP-0012 §4). A later one replaces it.
type Seen struct {
	Owner  jid.JID // bare
	Time   time.Time
	Status string
}

// LastSeen tells when accounts were last online. Writing is part of a [Batch]; it is removed with the account.
type LastSeen interface {
	// LastSeen returns what was last written, or ErrNotFound.
	LastSeen(ctx context.Context, owner jid.JID) (Seen, error)
}
