package store

import "errors"

// Errors of all contracts; match them with errors.Is, they usually arrive wrapped with what was attempted.
var (
	// ErrNotFound: there is no such record.
	ErrNotFound = errors.New("store: not found")
	// ErrExists: a record with this key is there already.
	ErrExists = errors.New("store: exists already")
	// ErrInvalid: the record or question can never be accepted as it is (missing owner, negative id, full address where
	// a bare one belongs). It is the caller's mistake; trying again does not help.
	ErrInvalid = errors.New("store: invalid record")
	// ErrLimit: accepting the record would exceed a limit the caller or this package sets on the number of records.
	ErrLimit = errors.New("store: limit reached")
	// ErrQuota: the inbox of that account is full.
	ErrQuota = errors.New("store: inbox is full")
	// ErrBusy: more is waiting to be written than the store is willing to hold, or another process kept the data locked
	// for longer than the store is willing to wait. Nothing was written; trying later may help.
	ErrBusy = errors.New("store: busy")
	// ErrFull: the disk (or the size allowed for the data) is full. Nothing was written.
	ErrFull = errors.New("store: disk is full")
	// ErrIO: the disk failed to read or write. What was asked for must be taken as not written.
	ErrIO = errors.New("store: disk failure")
	// ErrCorrupt: the data on disk is damaged.
	ErrCorrupt = errors.New("store: data is damaged")
	// ErrClosed: the store has been closed.
	ErrClosed = errors.New("store: closed")
)
