package cache

import (
	"context"
	"time"

	"godwit/jid"
)

// OutboxRecord is an outgoing message that somebody still has to take responsibility for, or to confirm.
type OutboxRecord struct {
	// Seq is given by the cache, rising in the order of commits: the sender's order. Ignored when adding.
	Seq int64
	// Chat is the bare address of the other side.
	Chat jid.JID
	// OriginID is the message's id (XEP-0359), unique among all the account ever sent.
	OriginID string
	// Route is the route asked for this message alone ("auto", "direct", "server"), or "" for the chat's.
	Route string
	// Sent is set once the server has acknowledged it (XEP-0198), so that only the peer's confirmation is missing.
	Sent bool
	// Created is when the user sent it.
	Created time.Time
	// Stanza is the message in canonical form.
	Stanza []byte
}

// OutboxSize is how much the outbox holds, without records that are Sent.
type OutboxSize struct {
	Records int
	Bytes   int64 // of stanzas
}

// OutboxPage bounds one page of Outbox.
const (
	MaxOutboxPage      = 500
	MaxOutboxPageBytes = 4 << 20
)

// Outbox reads what still has to go out. Writing goes through [Committer].
type Outbox interface {
	// Outbox returns records with Seq above after in ascending order, at most MaxOutboxPage of them and, beyond the first,
	// at most MaxOutboxPageBytes. An empty page means there are no more.
	Outbox(ctx context.Context, after int64) ([]OutboxRecord, error)
	// OutboxRecord returns the record with that origin-id, or ErrNotFound.
	OutboxRecord(ctx context.Context, originID string) (OutboxRecord, error)
	// OutboxSize tells how full it is.
	OutboxSize(ctx context.Context) (OutboxSize, error)
}
