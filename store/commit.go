package store

// Batch is a set of changes that become durable together or not at all. Applied in this order: archive entries, inbox
// adds, inbox deletes, last seen.
//
// The slices and what they point to must not be changed between Commit and done.
type Batch struct {
	Archive []ArchiveEntry
	Inbox   []InboxAdd
	Deletes []InboxDelete
	Seen    []Seen
}

// Result tells what became of a batch, position by position.
type Result struct {
	Archive []Archived
	// Inbox holds the ids given to Batch.Inbox; 0 where the add was skipped (see InboxAdd.IfNew).
	Inbox []int64
}

// Committer makes messages durable, many at once: one writer takes everything that is queued, writes it in one
// transaction with one sync of the disk, and reports.
type Committer interface {
	// Commit hands over a batch and returns at once. Either it returns an error and done is never called: ErrBusy when
	// too many bytes are queued already, ErrInvalid, ErrClosed. Or it returns nil and done is called exactly once.
	//
	// done(result, nil) means the batch is on disk and survives kill -9 and loss of power. done(Result{}, err) means it
	// is to be taken as not stored: ErrQuota, ErrInvalid, ErrExists (an archive id that is taken), ErrFull, ErrIO … A
	// batch that fails by its own fault does not harm the others.
	//
	// Batches are applied, and their done functions called, in the order of the calls to Commit. All done functions run
	// on one goroutine that belongs to the store; they must return quickly and never wait for another commit (calling
	// Commit itself is fine).
	Commit(b Batch, done func(Result, error)) error
}

// Bounds of one batch.
const (
	MaxBatchEntries = 10_000  // archive entries, adds and deleted ids together
	MaxBatchBytes   = 8 << 20 // stanza bytes
)
