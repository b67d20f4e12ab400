package sqlitedb

import (
	"context"
	"database/sql"
	"errors"
)

// committer runs groups of changes, each group in one transaction. It has one user, the writer's goroutine.
type committer struct {
	db           *sql.DB
	beforeCommit func(*Tx) error
	s            *session // nil until needed, and after a failure that may have spoilt it
	tx           Tx
}

// run applies a group and makes it durable. errs gets the outcome of each change, in order; nil means on disk.
func (c *committer) run(group []change, errs []error) {
	for i := range errs {
		errs[i] = nil
	}
	again, err := c.together(group, errs)
	if err == nil && again {
		for i := range errs {
			errs[i] = nil
		}
		err = c.apart(group, errs)
	}
	if err != nil {
		err = mapError(err)
		for i := range errs {
			if errs[i] == nil {
				errs[i] = err
			}
		}
	}
}

// together is the usual way: no savepoints, on the bet that nothing fails. A change that fails before it has written
// anything costs nothing; if one fails later the group is rolled back and again is true.
func (c *committer) together(group []change, errs []error) (again bool, err error) {
	if err := c.begin(); err != nil {
		return false, err
	}
	for i := range group {
		err := c.tx.apply(group[i].apply)
		if c.tx.fatal != nil {
			c.rollback()
			return false, c.tx.fatal
		}
		if err != nil && c.tx.wrote {
			return true, c.rollback()
		}
		errs[i] = err
	}
	return false, c.commit()
}

// apart runs each change in a savepoint, so that one that fails is undone alone.
func (c *committer) apart(group []change, errs []error) error {
	if err := c.begin(); err != nil {
		return err
	}
	for i := range group {
		if err := c.isolated(group[i], &errs[i]); err != nil {
			c.rollback()
			return err
		}
	}
	return c.commit()
}

func (c *committer) isolated(ch change, outcome *error) error {
	if _, err := c.tx.Exec(`SAVEPOINT change`); err != nil {
		return err
	}
	*outcome = c.tx.apply(ch.apply)
	if c.tx.fatal != nil {
		return c.tx.fatal
	}
	if *outcome != nil {
		if _, err := c.tx.Exec(`ROLLBACK TO change`); err != nil {
			return err
		}
	}
	_, err := c.tx.Exec(`RELEASE change`)
	return err
}

func (c *committer) begin() error {
	if c.s == nil {
		s, err := openSession(context.Background(), c.db)
		if err != nil {
			return err
		}
		c.s = s
	}
	c.tx = Tx{s: c.s}
	if _, err := c.s.exec(context.Background(), `BEGIN IMMEDIATE`); err != nil {
		// A lock held by another process leaves the connection sound.
		if !errors.Is(mapError(err), errBusy) {
			c.drop()
		}
		return err
	}
	return nil
}

func (c *committer) commit() error {
	if c.beforeCommit != nil {
		if err := c.tx.apply(c.beforeCommit); err != nil {
			c.rollback()
			return err
		}
	}
	if _, err := c.s.exec(context.Background(), `COMMIT`); err != nil {
		c.rollback()
		return err
	}
	return nil
}

// rollback undoes the transaction. If that fails (SQLite has done it by itself, or the connection is broken) the
// connection is closed, which undoes it too; the next group opens a new one.
func (c *committer) rollback() error {
	_, err := c.s.exec(context.Background(), `ROLLBACK`)
	if err != nil {
		c.drop()
		return nil
	}
	return nil
}

func (c *committer) drop() {
	c.s.discard()
	c.s = nil
}
