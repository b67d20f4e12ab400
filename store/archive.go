package store

import (
	"context"
	"time"

	"godwit/jid"
)

// ArchiveEntry is one message in one account's archive (XEP-0313 §3).
type ArchiveEntry struct {
	// ID is unique on the whole server and gives the order of the archive. 0 asks the store to give the next one, in
	// the order batches are committed; that is the way to be used, because then nobody who has read up to an id can
	// miss an entry with a smaller one. A given id must be higher than [Archive.Highest].
	ID int64
	// Owner is the bare address whose archive this is.
	Owner jid.JID
	// With is the other side, full if known.
	With jid.JID
	// Time is when the message was sent or received, as shown to people. Within an archive it need not grow with ID:
	// a message that went direct may be handed in later.
	Time time.Time
	// Sender is the bare address of who wrote it, and OriginID the id its client gave (XEP-0359). With a given OriginID
	// a message is kept once per (Owner, Sender, OriginID). Empty OriginID: no such check.
	Sender   jid.JID
	OriginID string
	// Stanza is the message in canonical form.
	Stanza []byte
}

// Archived tells what became of one archive entry.
type Archived struct {
	// ID is the id that stands: the new one, or that of the entry that was there before.
	ID int64
	// Duplicate: the message was in the archive already and was not stored again.
	Duplicate bool
}

// Bounds of one page of an archive.
const (
	MaxArchivePage      = 250     // entries
	MaxArchivePageBytes = 4 << 20 // stanza bytes; the page ends early, one entry is always returned
	MaxArchiveCount     = 10_000  // entries counted at most
	MaxArchiveIDs       = 250     // ids in one question
)

// ArchiveQuery asks for one page of one archive. The filter (With to IDs) chooses the result set; After, Before,
// Backward and Max choose the page of it (XEP-0059).
type ArchiveQuery struct {
	Owner jid.JID // bare; required

	With       jid.JID   // zero: any; bare: any resource of it; full: exactly it (XEP-0313 §4.1.1)
	Start, End time.Time // zero: open; both inclusive (XEP-0313 §4.1.2)
	AfterID    int64     // 0: open; exclusive (XEP-0313 §4.1.3, after-id)
	BeforeID   int64     // 0: open; exclusive (before-id)
	IDs        []int64   // nil: any; else only these (ids)

	After    int64 // 0: from the start; exclusive (XEP-0059 §2.2)
	Before   int64 // 0: to the end; exclusive
	Backward bool  // take the last Max of what remains instead of the first (XEP-0059 §2.5)
	Max      int   // 0 returns no entries, only the count; more than MaxArchivePage means MaxArchivePage
	Count    bool  // also count the result set
}

// ArchivePage is one page, oldest entry first whichever way it was taken.
type ArchivePage struct {
	Entries []ArchiveEntry
	// First and Last are the ids of the first and last entry, 0 when there are none.
	First, Last int64
	// Complete: there is nothing more in the direction of travel (XEP-0313 §4.3.2).
	Complete bool
	// Count is the size of the whole result set if asked for, -1 if not asked for or more than MaxArchiveCount.
	Count int
}

// ArchiveMark names one end of an archive.
type ArchiveMark struct {
	ID   int64
	Time time.Time
}

// ArchiveDefault says what is archived unless a rule names the contact (XEP-0441 §2.1).
type ArchiveDefault string

// The three defaults.
const (
	ArchiveAlways ArchiveDefault = "always"
	ArchiveNever  ArchiveDefault = "never"
	ArchiveRoster ArchiveDefault = "roster" // only contacts in the roster
)

// MaxArchiveRules is the most addresses in ArchivePrefs.Always and Never each.
const MaxArchiveRules = 1000

// ArchivePrefs is what an account wants archived (XEP-0441).
type ArchivePrefs struct {
	Default ArchiveDefault
	Always  []jid.JID
	Never   []jid.JID
}

// Archive reads message archives. Writing goes through [Committer].
type Archive interface {
	// Query returns a page. ErrNotFound if After, Before, AfterID, BeforeID or one of IDs is not in that archive
	// (XEP-0313 §4.1.3, §4.3.2), ErrInvalid for a question that makes no sense.
	Query(ctx context.Context, q ArchiveQuery) (ArchivePage, error)
	// Metadata returns the first and last entry of an archive (XEP-0313 §5), or ErrNotFound if it is empty.
	Metadata(ctx context.Context, owner jid.JID) (first, last ArchiveMark, err error)
	// Entry returns one entry of that owner, or ErrNotFound.
	Entry(ctx context.Context, owner jid.JID, id int64) (ArchiveEntry, error)
	// Highest returns the highest id ever given to an archive or inbox entry; 0 if none. Ids are never given twice, also
	// not after entries were removed.
	Highest(ctx context.Context) (int64, error)
	// Prefs returns an account's preferences, or ErrNotFound if it never set any.
	Prefs(ctx context.Context, owner jid.JID) (ArchivePrefs, error)
	// SetPrefs replaces an account's preferences. ErrLimit for too many rules.
	SetPrefs(ctx context.Context, owner jid.JID, p ArchivePrefs) error
	// Purge removes up to batch entries (at most 10,000) whose Time is before olderThan, in all archives, oldest first,
	// and returns how many. Call it until it returns less than batch.
	Purge(ctx context.Context, olderThan time.Time, batch int) (removed int, err error)
}
