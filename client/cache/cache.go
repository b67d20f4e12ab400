package cache

// Cache is everything together, as an application opens it. Consumers ask for the parts they use.
type Cache interface {
	Committer
	History
	Chats
	Outbox
	Deposits
	Positions
	Roster
	Settings
	Records
	// Close waits for what was handed over, then lets go. Afterwards everything answers ErrClosed.
	Close() error
}
