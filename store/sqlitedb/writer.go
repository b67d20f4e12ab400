package sqlitedb

import (
	"context"
	"database/sql"
	"fmt"
	"sync"

	"godwit/store"
)

var errBusy = store.ErrBusy

// change is one thing to be written.
type change struct {
	apply func(*Tx) error
	done  func(error)
	bytes int
}

// Bounds of one transaction: enough to share one sync among everyone who waits, small enough that nobody waits long for
// the others.
const (
	maxGroup      = 1024
	maxGroupBytes = 8 << 20
	changeBytes   = 256 // what a queued change costs besides the size the caller tells
)

// writer owns the queue of changes and the one goroutine that writes.
type writer struct {
	// Under mu.
	mu     sync.Mutex
	queue  []change
	bytes  int // of queue
	closed bool

	limit int
	wake  chan struct{} // capacity 1: the queue is not empty, or closed is set
	ended chan struct{} // closed when the goroutine is gone

	// Owned by the goroutine.
	c    committer
	errs []error
}

func newWriter(db *sql.DB, o Options) *writer {
	w := &writer{limit: o.QueueBytes, wake: make(chan struct{}, 1), ended: make(chan struct{})}
	w.c = committer{db: db, beforeCommit: o.BeforeCommit}
	go w.loop()
	return w
}

// Submit hands over a change and returns at once. Either it returns an error and done is never called: store.ErrBusy
// when too much is queued already, store.ErrClosed. Or it returns nil and done is called exactly once, after the change
// is on disk (nil) or has failed and is to be taken as not made.
//
// apply runs on the writer's goroutine, possibly twice: the second time after everything the first did in the database
// was undone, so it must set its results anew each time. bytes is about what the change holds in memory while it waits.
// Changes are applied, and done called, in the order of the calls to Submit. done runs on the writer's goroutine: it
// must return quickly and must not wait for another change.
func (d *DB) Submit(bytes int, apply func(*Tx) error, done func(error)) error {
	return d.writer.submit(change{apply: apply, done: done, bytes: max(bytes, 0) + changeBytes})
}

// Update makes a change and waits until it is on disk. If ctx ends first, Update returns its error, and whether the
// change will still be made is open. See Submit for what apply must hold.
func (d *DB) Update(ctx context.Context, apply func(*Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	result := make(chan error, 1)
	err := d.Submit(0, func(tx *Tx) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return apply(tx)
	}, func(err error) { result <- err })
	if err != nil {
		return err
	}
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return fmt.Errorf("wait for the database: %w", ctx.Err())
	}
}

func (w *writer) submit(c change) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return store.ErrClosed
	}
	// A change larger than the limit is let in when nothing else waits, or it never could be.
	if w.bytes > 0 && w.bytes+c.bytes > w.limit {
		return fmt.Errorf("%w: %d bytes wait to be written", store.ErrBusy, w.bytes)
	}
	w.bytes += c.bytes
	w.queue = append(w.queue, c)
	w.signal()
	return nil
}

func (w *writer) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// close stops taking changes, waits until everything queued is written and told, and closes the connection.
func (w *writer) close() error {
	w.mu.Lock()
	w.closed = true
	w.signal()
	w.mu.Unlock()
	<-w.ended
	if w.c.s != nil {
		w.c.s.close()
	}
	return w.c.db.Close()
}

func (w *writer) loop() {
	defer close(w.ended)
	var group []change
	for range w.wake {
		for {
			var last bool
			group, last = w.take(group[:0])
			if len(group) > 0 {
				w.write(group)
				clear(group) // let go of what the changes held
				continue
			}
			if last {
				return
			}
			break
		}
	}
}

// take moves the front of the queue into group. last is set if there is nothing and will be nothing.
func (w *writer) take(group []change) (_ []change, last bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, size := 0, 0
	for n < len(w.queue) && n < maxGroup && (n == 0 || size+w.queue[n].bytes <= maxGroupBytes) {
		size += w.queue[n].bytes
		n++
	}
	group = append(group, w.queue[:n]...)
	rest := copy(w.queue, w.queue[n:])
	clear(w.queue[rest:])
	w.queue = w.queue[:rest]
	if rest == 0 && cap(w.queue) > 4*maxGroup { // give back what a burst took
		w.queue = nil
	}
	return group, w.closed && n == 0
}

// write commits a group and tells everyone in it. The bytes count as queued until then.
func (w *writer) write(group []change) {
	if cap(w.errs) < len(group) {
		w.errs = make([]error, len(group), maxGroup)
	}
	errs := w.errs[:len(group)]
	w.c.run(group, errs)
	size := 0
	for i := range group {
		size += group[i].bytes
	}
	w.mu.Lock()
	w.bytes -= size
	w.mu.Unlock()
	for i := range group {
		group[i].done(errs[i])
	}
	clear(errs)
}
