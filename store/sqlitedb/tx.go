package sqlitedb

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
)

// Tx is the transaction a change runs in. Use it only inside the function it was given to, on that goroutine. The same
// transaction carries the changes of others; the order is that in which they were handed over.
type Tx struct {
	s *session
	// State belongs to the application and starts as nil in each transaction. A change that fails does not undo what it
	// did to State.
	State any

	wrote bool  // the running change has executed something
	fatal error // the first error that spoils the whole transaction
}

// Exec runs a statement that changes something and returns how many rows it changed.
func (tx *Tx) Exec(query string, args ...any) (changed int64, err error) {
	if tx.fatal != nil {
		return 0, tx.fatal
	}
	tx.wrote = true
	r, err := tx.s.exec(context.Background(), query, args...)
	if err != nil {
		return 0, tx.check(err)
	}
	return r.RowsAffected()
}

// Each implements Queryer. For statements that change nothing.
func (tx *Tx) Each(query string, args []any, f func(Scanner) error) error {
	if tx.fatal != nil {
		return tx.fatal
	}
	return tx.check(tx.s.each(context.Background(), query, args, f))
}

// One implements Queryer.
func (tx *Tx) One(query string, args []any, dest ...any) error {
	if tx.fatal != nil {
		return tx.fatal
	}
	return tx.check(tx.s.one(context.Background(), query, args, dest...))
}

// OneChanged is One for a statement that changes something (… RETURNING …).
func (tx *Tx) OneChanged(query string, args []any, dest ...any) error {
	tx.wrote = true
	return tx.One(query, args, dest...)
}

func (tx *Tx) check(err error) error {
	if err == nil {
		return nil
	}
	spoilt := fatal(err)
	err = mapError(err)
	if spoilt && tx.fatal == nil {
		tx.fatal = err
	}
	return err
}

// errPanic marks a change that panicked; it is a mistake in the program, kept from taking the writer with it.
var errPanic = errors.New("sqlitedb: a change panicked")

// apply runs one change.
func (tx *Tx) apply(change func(*Tx) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v\n%s", errPanic, p, debug.Stack())
		}
	}()
	tx.wrote = false
	return change(tx)
}
