package sqlitedb

import (
	"context"
	"database/sql"
	"errors"

	"godwit/store"
)

// pool lends reading connections. free holds one entry per allowed connection, nil for one not opened yet; whoever takes
// an entry puts one back.
type pool struct {
	db     *sql.DB
	free   chan *session
	closed chan struct{}
}

func newPool(db *sql.DB, n int) *pool {
	p := &pool{db: db, free: make(chan *session, n), closed: make(chan struct{})}
	for range n {
		p.free <- nil
	}
	return p
}

func (p *pool) take(ctx context.Context) (*session, error) {
	select {
	case <-p.closed:
		return nil, store.ErrClosed
	default:
	}
	select {
	case <-p.closed:
		return nil, store.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	case s := <-p.free:
		if s != nil {
			return s, nil
		}
	}
	s, err := openSession(ctx, p.db)
	if err != nil {
		p.free <- nil
		return nil, err
	}
	return s, nil
}

// close waits for those who are reading, then closes all connections.
func (p *pool) close() error {
	close(p.closed)
	for range cap(p.free) {
		if s := <-p.free; s != nil {
			s.close()
		}
	}
	return p.db.Close()
}

// View is an unchanging view of the database: all its questions are answered from the same moment. Use it only inside
// the function it was given to, on that goroutine.
type View struct {
	ctx context.Context
	s   *session
}

// View runs f on the state of one moment, which holds everything whose writer has been told it is done. Do not call
// View inside View.
func (d *DB) View(ctx context.Context, f func(*View) error) (err error) {
	s, err := d.readers.take(ctx)
	if err != nil {
		return mapError(err)
	}
	keep := false
	defer func() {
		if keep {
			d.readers.free <- s
		} else {
			s.discard()
			d.readers.free <- nil
		}
	}()
	if _, err := s.exec(ctx, `BEGIN`); err != nil {
		return mapError(err)
	}
	err = f(&View{ctx: ctx, s: s})
	_, rerr := s.exec(context.Background(), `ROLLBACK`) // also after ctx ended
	keep = rerr == nil && !fatal(err)
	return mapError(err)
}

// Each implements Queryer.
func (v *View) Each(query string, args []any, f func(Scanner) error) error {
	return mapError(v.s.each(v.ctx, query, args, f))
}

// One implements Queryer.
func (v *View) One(query string, args []any, dest ...any) error {
	return mapError(v.s.one(v.ctx, query, args, dest...))
}

// IsNoRows reports whether One found nothing.
func IsNoRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }
