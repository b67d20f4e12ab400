package store

import (
	"context"
	"time"

	"godwit/jid"
)

// InboxEntry is a message the server has taken responsibility for and that no client of its owner has confirmed yet:
// stored for someone absent (XEP-0160), or on its way to a session (XEP-0198).
type InboxEntry struct {
	// ID is given by the store in the order of commits, from the same sequence as archive ids.
	ID int64
	// Owner is the bare address it is for.
	Owner jid.JID
	// Time is when the server accepted it; it becomes the delay stamp (XEP-0203).
	Time time.Time
	// Expires is when it need not be delivered any more; zero means never.
	Expires time.Time
	// Stanza is the message in canonical form.
	Stanza []byte
	// Archived is the id of the same message in its owner's archive: given by the store when the entry was added with IfNew; 0 when the
	// archive does not have it. With it the message is stamped at delivery, so that clients know it from the archive's copy.
	Archived int64
}

// InboxQuota bounds one inbox; 0 means no limit.
type InboxQuota struct {
	Entries int
	Bytes   int64 // stanza bytes
}

// InboxAdd puts one entry into an inbox as part of a [Batch].
type InboxAdd struct {
	Entry InboxEntry // its ID is ignored
	// Quota that must hold afterwards; otherwise the whole batch fails with ErrQuota (but see IfNew).
	Quota InboxQuota
	// IfNew makes the add depend on an archive entry of the same batch: n means Batch.Archive[n-1]. If that entry turns
	// out to be a duplicate the add is skipped, so that a message handed over twice waits once. It is skipped too when
	// the inbox is full, since the archive has the message. 0 means always add.
	IfNew int
}

// InboxDelete removes entries from one inbox as part of a [Batch]. What is not there is no error.
type InboxDelete struct {
	Owner jid.JID
	IDs   []int64 // these
	UpTo  int64   // and all with an id up to and including this one; 0: none
}

// InboxSize is how full an inbox is. Expired entries count until they are removed.
type InboxSize struct {
	Entries int
	Bytes   int64
}

// MaxInboxPage is the most entries one [Inbox.Load] returns, MaxInboxPageBytes the most stanza bytes (one entry is
// always returned).
const (
	MaxInboxPage      = 500
	MaxInboxPageBytes = 4 << 20
)

// Inbox reads what waits for an account. Adding and removing go through [Committer].
type Inbox interface {
	// Load returns up to max entries (0 or more than MaxInboxPage means MaxInboxPage) with ids above after, oldest
	// first, that have not expired at now. more is set if the page ended before the inbox did.
	Load(ctx context.Context, owner jid.JID, after int64, max int, now time.Time) (entries []InboxEntry, more bool, err error)
	// Size returns how full the inbox is.
	Size(ctx context.Context, owner jid.JID) (InboxSize, error)
	// Expire removes up to batch entries (at most 10,000) that have expired at now, in all inboxes, and returns how many.
	Expire(ctx context.Context, now time.Time, batch int) (removed int, err error)
}
