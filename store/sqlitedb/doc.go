// Package sqlitedb opens one SQLite file the way this project needs it: safe for kill -9 and loss of power
// (write-ahead log, full sync), shared with other processes, migrated by numbered SQL files, with a pool of readers and
// one writer that commits many changes with one sync of the disk.
//
// It is the only room that imports the SQLite driver and the migration library; the server's store and the client's
// cache are built on it and contain plain SQL. Errors are those of package store (ErrBusy, ErrFull, ErrIO, …), so that
// what is above need not know the driver.
//
// What may not enter: tables, records, anything about messages or accounts.
//
// # Writing
//
// All changes of a process go through one goroutine, the writer. It takes all that has queued up, runs it in one
// transaction, commits (which syncs the disk) and then tells everyone who waits, in order. A change is a function on a
// [Tx]; [DB.Update] waits for it, [DB.Submit] does not.
//
// A change that fails by its own fault (it returns an error, breaks a constraint, panics) is undone alone: the group is
// rolled back and run again with a savepoint around each change. A failure of the disk fails the whole group, and
// everyone in it is told so.
package sqlitedb
