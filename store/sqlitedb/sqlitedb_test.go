package sqlitedb_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"godwit/store"
	"godwit/store/sqlitedb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var ctx = context.Background()

const first = "-- +goose Up\nCREATE TABLE note(id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT;\n"

func files(content ...string) fs.FS {
	m := fstest.MapFS{}
	for i, c := range content {
		m[fmt.Sprintf("%04d_step.sql", i+1)] = &fstest.MapFile{Data: []byte(c)}
	}
	return m
}

func opts() sqlitedb.Options { return sqlitedb.Options{Migrations: files(first), ApplicationID: 7} }

func openAt(t *testing.T, path string, o sqlitedb.Options) *sqlitedb.DB {
	t.Helper()
	d, err := sqlitedb.Open(ctx, path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return d
}

func openNew(t *testing.T, o sqlitedb.Options) *sqlitedb.DB {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "x.db"), o)
}

func insert(text string) func(*sqlitedb.Tx) error {
	return func(tx *sqlitedb.Tx) error {
		_, err := tx.Exec(`INSERT INTO note(text) VALUES (?)`, text)
		return err
	}
}

func notes(t *testing.T, d *sqlitedb.DB) (all string) {
	t.Helper()
	err := d.View(ctx, func(v *sqlitedb.View) error {
		return v.Each(`SELECT text FROM note ORDER BY id`, nil, func(row sqlitedb.Scanner) error {
			var s string
			err := row.Scan(&s)
			all += s
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// together hands over changes while the writer is held, so that they end up in one group, and returns their outcomes.
func together(t *testing.T, d *sqlitedb.DB, changes ...func(*sqlitedb.Tx) error) []error {
	t.Helper()
	entered, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	submit := func(apply func(*sqlitedb.Tx) error, done func(error)) {
		if err := d.Submit(0, apply, done); err != nil {
			t.Fatal(err)
		}
	}
	submit(func(*sqlitedb.Tx) error {
		once.Do(func() { close(entered); <-release })
		return nil
	}, func(error) {})
	<-entered
	errs := make([]error, len(changes))
	var order []int
	finished := make(chan struct{})
	for i, c := range changes {
		submit(c, func(err error) {
			errs[i] = err
			order = append(order, i)
			if len(order) == len(changes) {
				close(finished)
			}
		})
	}
	close(release)
	<-finished
	for i, at := range order {
		if i != at {
			t.Errorf("told in the order %v", order)
			break
		}
	}
	return errs
}

func TestOneFaultDoesNotHarmTheOthers(t *testing.T) {
	own := errors.New("own fault")
	for _, c := range []struct {
		why  string
		bad  func(*sqlitedb.Tx) error
		want error // nil: any
	}{
		{"fails before it wrote anything", func(*sqlitedb.Tx) error { return own }, own},
		{"fails after it wrote", func(tx *sqlitedb.Tx) error { insert("bad")(tx); return own }, own},
		{"breaks a constraint", func(tx *sqlitedb.Tx) error { insert("bad")(tx); return insert("a")(tx) }, store.ErrExists},
		{"is not even SQL", func(tx *sqlitedb.Tx) error { insert("bad")(tx); _, err := tx.Exec(`NONSENSE`); return err }, nil},
		{"panics", func(tx *sqlitedb.Tx) error { insert("bad")(tx); panic("oops") }, nil},
		{"writes by a question and fails", func(tx *sqlitedb.Tx) error {
			var id int
			if err := tx.OneChanged(`INSERT INTO note(text) VALUES ('bad') RETURNING id`, nil, &id); err != nil {
				return err
			}
			return own
		}, own},
	} {
		t.Run(c.why, func(t *testing.T) {
			d := openNew(t, opts())
			errs := together(t, d, insert("a"), c.bad, insert("b"), c.bad, insert("c"))
			for i, err := range errs {
				if bad := i == 1 || i == 3; bad != (err != nil) {
					t.Errorf("change %d: %v", i, err)
				} else if bad && c.want != nil && !errors.Is(err, c.want) {
					t.Errorf("change %d: %v, want %v", i, err, c.want)
				}
			}
			if got := notes(t, d); got != "abc" {
				t.Errorf("stored %q", got)
			}
		})
	}
}

func TestChangesOfOneGroupSeeEachOther(t *testing.T) {
	d := openNew(t, opts())
	var n int
	errs := together(t, d, insert("a"), func(tx *sqlitedb.Tx) error { return tx.One(`SELECT count(*) FROM note`, nil, &n) })
	if errs[1] != nil || n != 1 {
		t.Errorf("saw %d, %v", n, errs[1])
	}
}

func TestStateAndBeforeCommit(t *testing.T) {
	fail := false
	o := opts()
	o.BeforeCommit = func(tx *sqlitedb.Tx) error {
		if n, _ := tx.State.(int); n > 0 {
			if err := insert(fmt.Sprintf("(%d)", n))(tx); err != nil {
				return err
			}
		}
		if fail {
			return errors.New("no")
		}
		return nil
	}
	d := openNew(t, o)
	count := func(tx *sqlitedb.Tx) error {
		n, _ := tx.State.(int)
		tx.State = n + 1
		return nil
	}
	together(t, d, count, count, count)
	if got := notes(t, d); got != "(3)" {
		t.Errorf("stored %q", got)
	}
	fail = true // read by the writer only after the queue's lock was passed
	for i, err := range together(t, d, insert("a"), insert("b")) {
		if err == nil {
			t.Errorf("change %d is reported as stored", i)
		}
	}
	if got := notes(t, d); got != "(3)" {
		t.Errorf("stored %q", got)
	}
}

func TestQueueIsBounded(t *testing.T) {
	o := opts()
	o.QueueBytes = 10_000
	d := openNew(t, o)
	entered, release := make(chan struct{}), make(chan struct{})
	done := make(chan error, 100)
	tell := func(err error) { done <- err }
	if err := d.Submit(20_000, func(*sqlitedb.Tx) error { close(entered); <-release; return nil }, tell); err != nil {
		t.Fatalf("one larger than the bound must pass when nothing waits: %v", err)
	}
	<-entered
	if err := d.Submit(1, insert("a"), tell); !errors.Is(err, store.ErrBusy) {
		t.Errorf("what is being written counts until it is told: %v", err)
	}
	close(release)
	<-done
	n := 0
	entered, release = make(chan struct{}), make(chan struct{})
	if err := d.Submit(0, func(*sqlitedb.Tx) error { close(entered); <-release; return nil }, tell); err != nil {
		t.Fatal(err)
	}
	<-entered
	for d.Submit(1000, func(*sqlitedb.Tx) error { return nil }, tell) == nil {
		n++
	}
	close(release)
	for range n + 1 {
		<-done
	}
	if n < 5 || n > 10 {
		t.Errorf("%d changes of 1000 bytes fit into 10000", n)
	}
	if err := d.Update(ctx, insert("b")); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestUpdateStopsWaiting(t *testing.T) {
	d := openNew(t, opts())
	entered, release := make(chan struct{}), make(chan struct{})
	d.Submit(0, func(*sqlitedb.Tx) error { close(entered); <-release; return nil }, func(error) {})
	<-entered
	short, cancel := context.WithCancel(ctx)
	waiting := make(chan error, 1)
	go func() { waiting <- d.Update(short, insert("late")) }()
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	close(release)
	if err := d.Update(ctx, insert("x")); err != nil {
		t.Fatal(err)
	}
	if got := notes(t, d); got != "x" {
		t.Errorf("a change whose caller gave up before its turn was made: %q", got)
	}
}

func TestFullDiskIsTold(t *testing.T) {
	o := opts()
	o.MaxBytes = 200 << 10
	d := openNew(t, o)
	big := strings.Repeat("x", 50<<10)
	stored := 0
	var err error
	for i := range 100 {
		if err = d.Update(ctx, insert(fmt.Sprint(i, big))); err != nil {
			break
		}
		stored++
	}
	if !errors.Is(err, store.ErrFull) || stored == 0 {
		t.Fatalf("after %d: %v", stored, err)
	}
	// Everyone in a group that met it is told, and nothing of it is stored.
	for i, err := range together(t, d, insert("small"), insert(big), insert("small too")) {
		if !errors.Is(err, store.ErrFull) {
			t.Errorf("change %d: %v", i, err)
		}
	}
	count := func() (n int) {
		if err := d.View(ctx, func(v *sqlitedb.View) error { return v.One(`SELECT count(*) FROM note`, nil, &n) }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count(); n != stored {
		t.Errorf("%d rows, %d were reported as stored", n, stored)
	}
	if err := d.Update(ctx, func(tx *sqlitedb.Tx) error { _, err := tx.Exec(`DELETE FROM note WHERE id = 1`); return err }); err != nil {
		t.Fatalf("making room: %v", err)
	}
	if err := d.Update(ctx, insert("fits again")); err != nil {
		t.Errorf("after room was made: %v", err)
	}
}

func TestReadersSeeOneMoment(t *testing.T) {
	d := openNew(t, opts())
	err := d.View(ctx, func(v *sqlitedb.View) error {
		var before, after int
		if err := v.One(`SELECT count(*) FROM note`, nil, &before); err != nil {
			return err
		}
		if err := d.Update(ctx, insert("a")); err != nil {
			return err
		}
		if err := v.One(`SELECT count(*) FROM note`, nil, &after); err != nil {
			return err
		}
		if before != after {
			t.Errorf("saw %d, then %d", before, after)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if notes(t, d) != "a" {
		t.Error("a new view does not see what was stored")
	}
}

func TestReadersCannotWrite(t *testing.T) {
	d := openNew(t, opts())
	err := d.View(ctx, func(v *sqlitedb.View) error {
		var id int
		return v.One(`INSERT INTO note(text) VALUES ('x') RETURNING id`, nil, &id)
	})
	if !errors.Is(err, store.ErrIO) || notes(t, d) != "" {
		t.Errorf("%v, stored %q", err, notes(t, d))
	}
}

func TestReadersAreBounded(t *testing.T) {
	o := opts()
	o.Readers = 2
	d := openNew(t, o)
	entered, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { d.View(ctx, func(*sqlitedb.View) error { entered <- struct{}{}; <-release; return nil }) })
	}
	<-entered
	<-entered
	short, cancel := context.WithCancel(ctx)
	cancel()
	if err := d.View(short, func(*sqlitedb.View) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("no reader is free: %v", err)
	}
	close(release)
	wg.Wait()
	for i := range 400 { // more texts than statements are kept
		err := d.View(ctx, func(v *sqlitedb.View) error { var n int; return v.One(fmt.Sprintf(`SELECT %d`, i), nil, &n) })
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestAPanicInAViewGivesTheReaderBack(t *testing.T) {
	o := opts()
	o.Readers = 1
	d := openNew(t, o)
	for range 3 {
		func() {
			defer func() { _ = recover() }()
			d.View(ctx, func(*sqlitedb.View) error { panic("oops") })
		}()
	}
	if notes(t, d) != "" {
		t.Error("unreachable")
	}
}

func TestSettingsForPowerLoss(t *testing.T) {
	d := openNew(t, opts())
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "fullfsync": "1", "trusted_schema": "0"} {
		var got string
		if err := d.Update(ctx, func(tx *sqlitedb.Tx) error { return tx.One(`PRAGMA `+pragma, nil, &got) }); err != nil || got != want {
			t.Errorf("%s of the writer is %q, want %q (%v)", pragma, got, want, err)
		}
	}
}

func TestPermissions(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	path := filepath.Join(dir, "x.db")
	d := openAt(t, path, opts())
	if err := d.Update(ctx, insert("a")); err != nil {
		t.Fatal(err)
	}
	check := func() {
		t.Helper()
		for p, want := range map[string]fs.FileMode{dir: 0o700, path: 0o600, path + "-wal": 0o600, path + "-shm": 0o600} {
			if st, err := os.Stat(p); err != nil || st.Mode().Perm() != want {
				t.Errorf("%s has mode %v, want %v (%v)", p, st.Mode(), want, err)
			}
		}
	}
	check()
	for _, p := range []string{path, path + "-wal"} {
		if err := os.Chmod(p, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	openAt(t, path, opts())
	check()
}

func TestOpenRefuses(t *testing.T) {
	newer := opts()
	newer.Migrations = files(first, "-- +goose Up\nCREATE TABLE later(x);\n")
	other := opts()
	other.ApplicationID = 8
	broken := opts()
	broken.Migrations = files(first, "-- +goose Up\nCREATE TABLE half(x);\nNONSENSE;\n")
	for _, c := range []struct {
		why   string
		setup func(t *testing.T, path string)
		o     sqlitedb.Options
		want  error
		says  string
	}{
		{"a newer schema", func(t *testing.T, p string) { openAt(t, p, newer).Close() }, opts(), sqlitedb.ErrNewer, "schema version 2"},
		{"another application's", func(t *testing.T, p string) { openAt(t, p, other).Close() }, opts(), sqlitedb.ErrForeign, "x.db"},
		{"not a database", func(t *testing.T, p string) {
			if err := os.WriteFile(p, []byte(strings.Repeat("not a database ", 500)), 0o600); err != nil {
				t.Fatal(err)
			}
		}, opts(), store.ErrCorrupt, "x.db"},
		{"a directory", func(t *testing.T, p string) {
			if err := os.Mkdir(p, 0o700); err != nil {
				t.Fatal(err)
			}
		}, opts(), nil, "not a file"},
		{"a bad migration", func(t *testing.T, p string) { openAt(t, p, opts()).Close() }, broken, nil, "from schema version 1 to 2"},
		{"no application id", func(*testing.T, string) {}, sqlitedb.Options{Migrations: files(first)}, nil, "required"},
	} {
		t.Run(c.why, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.db")
			c.setup(t, path)
			d, err := sqlitedb.Open(ctx, path, c.o)
			if err == nil {
				d.Close()
				t.Fatal("opened")
			}
			if c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
		})
	}
	t.Run("and a bad migration leaves the old state", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "x.db")
		d := openAt(t, path, opts())
		if err := d.Update(ctx, insert("kept")); err != nil {
			t.Fatal(err)
		}
		d.Close()
		if _, err := sqlitedb.Open(ctx, path, broken); err == nil {
			t.Fatal("opened")
		}
		if got := notes(t, openAt(t, path, opts())); got != "kept" {
			t.Errorf("%q", got)
		}
	})
}

// TestOpenedAtOnce: many openers of one file, each of which would make it or bring it up to date; steps that are not
// repeatable are made once.
func TestOpenedAtOnce(t *testing.T) {
	const openers = 8
	later := opts()
	step := "-- +goose Up\nINSERT INTO note(text) SELECT 'step' || count(*) FROM note;\n"
	later.Migrations = files(first, step, step, step)
	for name, prepare := range map[string]func(string){
		"new file": func(string) {},
		"upgrade":  func(path string) { openAt(t, path, opts()).Close() },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.db")
			prepare(path)
			start := make(chan struct{})
			var wg sync.WaitGroup
			for range openers {
				wg.Go(func() {
					<-start
					d, err := sqlitedb.Open(ctx, path, later)
					if err != nil {
						t.Error(err)
						return
					}
					d.Close()
				})
			}
			close(start)
			wg.Wait()
			if got := notes(t, openAt(t, path, later)); got != "step0step1step2" {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestPathsWithOddCharacters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?c=d&e#f%41ü", "x?mode=memory.db")
	d := openAt(t, path, opts())
	if err := d.Update(ctx, insert("a")); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(path); err != nil || st.Size() == 0 {
		t.Errorf("the data is not in the file named: %v", err)
	}
}

func TestAnotherWriterIsWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	a := openAt(t, path, opts())
	o := opts()
	o.BusyTimeout = time.Millisecond
	hasty := openAt(t, path, o)
	patient := openAt(t, path, opts())
	entered, release := make(chan struct{}), make(chan struct{})
	held := make(chan error, 1)
	a.Submit(0, func(tx *sqlitedb.Tx) error { close(entered); <-release; return insert("a")(tx) }, func(err error) { held <- err })
	<-entered
	if err := hasty.Update(ctx, insert("h")); !errors.Is(err, store.ErrBusy) {
		t.Errorf("hasty: %v", err)
	}
	waited := make(chan error, 1)
	patient.Submit(0, insert("p"), func(err error) { waited <- err })
	close(release)
	if err := errors.Join(<-held, <-waited); err != nil {
		t.Error(err)
	}
	if err := hasty.Update(ctx, insert("z")); err != nil {
		t.Errorf("hasty again: %v", err)
	}
	if got := notes(t, a); got != "apz" {
		t.Errorf("%q", got)
	}
}

// TestSpoiltConnectionsAreReplaced: a transaction that ended under the writer's feet, as SQLite may end it after a
// failure of the disk, costs the connection and nothing else. Nothing of the old one may stay behind, least of all a lock.
func TestSpoiltConnectionsAreReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	d := openAt(t, path, opts())
	own := errors.New("own fault")
	for _, end := range []string{`ROLLBACK`, `COMMIT`} {
		err := d.Update(ctx, func(tx *sqlitedb.Tx) error {
			if _, err := tx.Exec(end); err != nil {
				return err
			}
			return own
		})
		if err == nil {
			t.Errorf("%s inside a change is reported as stored", end)
		}
		if err := d.Update(ctx, insert(end)); err != nil {
			t.Errorf("after %s: %v", end, err)
		}
		o := opts()
		o.BusyTimeout = time.Millisecond
		if err := openAt(t, path, o).Update(ctx, insert("other "+end)); err != nil {
			t.Errorf("another process after %s: %v", end, err)
		}
	}
	if got := notes(t, d); got != "ROLLBACKother ROLLBACKCOMMITother COMMIT" {
		t.Errorf("stored %q", got)
	}
}

// TestCloseLeavesOneFile: the last to close puts everything into the database file, so that copying it copies the data.
func TestCloseLeavesOneFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	d := openAt(t, path, opts())
	if err := d.Update(ctx, insert("a")); err != nil {
		t.Fatal(err)
	}
	notes(t, d)
	func() {
		defer func() { _ = recover() }()
		d.View(ctx, func(v *sqlitedb.View) error { // costs a connection
			var n int
			v.One(`SELECT count(*) FROM note`, nil, &n)
			panic("oops")
		})
	}()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path + "-wal", path + "-shm"} {
		if _, err := os.Stat(p); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left (%v)", p, err)
		}
	}
}
