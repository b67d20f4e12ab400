package sqlite

import (
	"time"

	"godwit/store/sqlitedb"
)

// sequence gives ids during one transaction: read once, counted in memory, written once before the commit. No other
// process can come between, because the transaction holds the write lock from its beginning.
type sequence struct {
	last    int64
	changed bool
}

func currentSequence(tx *sqlitedb.Tx) (*sequence, error) {
	if s, ok := tx.State.(*sequence); ok {
		return s, nil
	}
	s := new(sequence)
	if err := tx.One(`SELECT value FROM sequence WHERE name = 'message'`, nil, &s.last); err != nil {
		return nil, err
	}
	// Not below the time in microseconds: after an older copy of the data was restored, ids that clients have seen are not given to other
	// messages, which they would take for the ones they know.
	s.last = max(s.last, time.Now().UnixMicro())
	tx.State = s
	return s, nil
}

// peekID returns the next id without using it up.
func peekID(tx *sqlitedb.Tx) (int64, error) {
	s, err := currentSequence(tx)
	if err != nil {
		return 0, err
	}
	return s.last + 1, nil
}

// useID notes that an id was given. A change that is undone afterwards leaves a gap, which harms nobody.
func useID(tx *sqlitedb.Tx, id int64) error {
	s, err := currentSequence(tx)
	if err != nil {
		return err
	}
	if id > s.last {
		s.last, s.changed = id, true
	}
	return nil
}

// saveSequence is the store's BeforeCommit.
func saveSequence(tx *sqlitedb.Tx) error {
	s, ok := tx.State.(*sequence)
	if !ok || !s.changed {
		return nil
	}
	_, err := tx.Exec(`UPDATE sequence SET value = ? WHERE name = 'message'`, s.last)
	return err
}
