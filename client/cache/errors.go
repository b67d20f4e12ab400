package cache

import (
	"errors"
	"fmt"
)

// Errors of all contracts; match them with errors.Is, they usually arrive wrapped with what was attempted.
var (
	// ErrNotFound: there is no such record.
	ErrNotFound = errors.New("cache: not found")
	// ErrExists: the origin-id of an outgoing message is used already. The whole batch was refused.
	ErrExists = errors.New("cache: the id is used already")
	// ErrInvalid: the record can never be accepted as it is. Trying again does not help.
	ErrInvalid = errors.New("cache: invalid record")
	// ErrLimit: accepting the record would exceed a limit on the number or size of records.
	ErrLimit = errors.New("cache: limit reached")
	// ErrBusy: more waits to be written than the cache is willing to hold. Trying later may help.
	ErrBusy = errors.New("cache: busy")
	// ErrFull: the disk is full. Nothing was written.
	ErrFull = errors.New("cache: disk is full")
	// ErrIO: the disk failed. What was asked for must be taken as not written.
	ErrIO = errors.New("cache: disk failure")
	// ErrCorrupt: the data on disk is damaged, or was written by a later version.
	ErrCorrupt = errors.New("cache: data is damaged")
	// ErrClosed: the cache has been closed.
	ErrClosed = errors.New("cache: closed")
)

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}

func limit(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrLimit, fmt.Sprintf(format, args...))
}
