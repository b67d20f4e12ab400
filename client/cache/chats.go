package cache

import (
	"context"

	"godwit/jid"
)

// Chat is one line of the list of chats: where something was said.
type Chat struct {
	// Chat is the bare address of the other side.
	Chat jid.JID
	// Last is the newest message of KindText by place, without its Stanza.
	Last Message
	// Unread is how many messages are unread: of the other side, KindText, not added as Backfill, not retracted, and not covered by
	// a Reading of the user since they were added.
	Unread int
	// First is the oldest of them by place, without its Stanza; its ID is 0 when there is none.
	First Message
	// Read is the farthest place up to which the user was said to have read. (Messages that were added later may be unread and stand
	// before it.)
	Read Cursor
	// PeerRead is the place up to which the other side has read the user's messages.
	PeerRead Cursor
}

// Reading says how far a chat has been read: messages up to a place that are there now. Places only move forward.
//
// A message of the user that is added, and is no Backfill, is a Reading too, of all that is there: whoever answers has read.
type Reading struct {
	Chat jid.JID // bare; one where nothing was said is ignored
	// Upto is the place of the last message read, zero for the newest there is.
	Upto Cursor
	// Peer: the other side has read the user's messages up to there. Those of them that are StateSent or StateDelivered become
	// StateRead.
	Peer bool
}

// Chats reads the list of chats. Writing goes through [Committer].
type Chats interface {
	// Chats returns the chats, those whose last message is newest first; at most max, where 0 means MaxChats.
	Chats(ctx context.Context, max int) ([]Chat, error)
	// Chat returns one, or ErrNotFound when nothing was said in it.
	Chat(ctx context.Context, chat jid.JID) (Chat, error)
}

// MaxChats bounds the answer of Chats.
const MaxChats = 20_000
