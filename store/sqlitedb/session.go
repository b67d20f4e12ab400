package sqlitedb

import (
	"context"
	"database/sql"
	"database/sql/driver"
)

// Scanner is one row of an answer.
type Scanner interface{ Scan(dest ...any) error }

// Queryer asks questions. [View] and [Tx] are Queryers, so that the same reading code serves inside a change.
type Queryer interface {
	// Each calls f for every row of the answer until f fails. f must not ask further questions.
	Each(query string, args []any, f func(Scanner) error) error
	// One scans the first row of the answer; sql.ErrNoRows if there is none.
	One(query string, args []any, dest ...any) error
}

// maxStmts bounds the prepared statements kept per connection. Callers use a fixed set of texts; the bound is there so
// that one who does not cannot grow memory.
const maxStmts = 200

// session is one connection with its prepared statements. It has one user at a time.
type session struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

func openSession(ctx context.Context, db *sql.DB) (*session, error) {
	c, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &session{conn: c, stmts: make(map[string]*sql.Stmt)}, nil
}

// close gives the connection back to the pool of database/sql, for that to be closed in an orderly way.
func (s *session) close() {
	for _, st := range s.stmts {
		st.Close()
	}
	s.conn.Close()
}

// discard closes a connection that may be broken for good instead of giving it back.
func (s *session) discard() {
	for _, st := range s.stmts {
		st.Close()
	}
	s.conn.Raw(func(any) error { return driver.ErrBadConn }) //nolint:errcheck // that error is the request
	s.conn.Close()
}

// stmt returns the prepared statement for a text.
func (s *session) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if st := s.stmts[query]; st != nil {
		return st, nil
	}
	st, err := s.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	if len(s.stmts) >= maxStmts {
		for q, old := range s.stmts { // any one will do
			old.Close()
			delete(s.stmts, q)
			break
		}
	}
	s.stmts[query] = st
	return st, nil
}

func (s *session) exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	st, err := s.stmt(ctx, query)
	if err != nil {
		return nil, err
	}
	return st.ExecContext(ctx, args...)
}

func (s *session) each(ctx context.Context, query string, args []any, f func(Scanner) error) error {
	st, err := s.stmt(ctx, query)
	if err != nil {
		return err
	}
	rows, err := st.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (s *session) one(ctx context.Context, query string, args []any, dest ...any) error {
	st, err := s.stmt(ctx, query)
	if err != nil {
		return err
	}
	return st.QueryRowContext(ctx, args...).Scan(dest...)
}
