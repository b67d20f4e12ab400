package cache

import (
	"context"

	"godwit/jid"
)

// Position is how far an archive has been read (XEP-0313).
type Position struct {
	// Archive is its bare address: the user's own, or a room's.
	Archive jid.JID
	// Last is the id of the last entry read, to ask for what comes after; "" when nothing was read yet.
	Last string
}

// Positions reads how far archives have been read. Writing goes through [Committer].
type Positions interface {
	// Position returns the position in an archive; one that was never read has Last == "".
	Position(ctx context.Context, archive jid.JID) (Position, error)
}
