package cache

import (
	"context"
	"time"

	"godwit/jid"
)

// DepositDelay is the longest a message that went direct waits before it is handed to the server's archive.
const DepositDelay = 3 * time.Second

// Deposit is a message that went direct and waits to be put into the user's own archive on the server.
type Deposit struct {
	// Seq is given by the cache, rising in the order of commits. Ignored when adding.
	Seq int64
	// Sender is the author's bare address and OriginID the author's id: the key by which it is removed again.
	Sender   jid.JID
	OriginID string
	// Direction tells whether the user sent or received it.
	Direction Direction
	// Time is when it was sent or received.
	Time time.Time
	// Stanza is the message in canonical form.
	Stanza []byte
}

// DepositPage bounds one page of Deposits.
const (
	MaxDepositPage      = 100
	MaxDepositPageBytes = 128 << 10
)

// Deposits reads what waits to be deposited. Writing goes through [Committer].
type Deposits interface {
	// Deposits returns the oldest, at most max (0 or more than MaxDepositPage means MaxDepositPage) and, beyond the first, at
	// most MaxDepositPageBytes of stanzas, so that a page fits into one request.
	Deposits(ctx context.Context, max int) ([]Deposit, error)
}
