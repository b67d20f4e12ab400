package deliver

import (
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"godwit/jid"
	"godwit/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// disk is a committer whose batches become durable when the test says so.
type disk struct {
	mu      sync.Mutex
	pending []func(store.Result, error)
	refuse  error
}

func (d *disk) Commit(_ store.Batch, done func(store.Result, error)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.refuse != nil {
		return d.refuse
	}
	d.pending = append(d.pending, done)
	return nil
}

// sync makes the oldest batch durable.
func (d *disk) sync(err error) bool {
	d.mu.Lock()
	if len(d.pending) == 0 {
		d.mu.Unlock()
		return false
	}
	done := d.pending[0]
	d.pending = d.pending[1:]
	d.mu.Unlock()
	done(store.Result{}, err)
	return true
}

var something = store.Batch{Archive: []store.ArchiveEntry{{Owner: jid.MustParse("a@localhost"), Time: time.Now()}}}

// TestLineOrder: what needs no disk runs at once, but never before what was handed over earlier.
func TestLineOrder(t *testing.T) {
	var d disk
	l := NewLine(nil, nil)
	var got []string
	add := func(name string) func(store.Result, error, bool) {
		return func(_ store.Result, _ error, inline bool) {
			if inline {
				name += " inline"
			}
			got = append(got, name)
		}
	}
	l.then(&d, store.Batch{}, add("0"))
	l.then(&d, something, add("1"))
	l.then(&d, store.Batch{}, add("2"))
	l.then(&d, something, add("3"))
	if !slices.Equal(got, []string{"0 inline"}) {
		t.Fatalf("%v ran before the disk had anything", got)
	}
	for d.sync(nil) {
	}
	l.then(&d, store.Batch{}, add("4"))
	if want := []string{"0 inline", "1", "2", "3", "4 inline"}; !slices.Equal(got, want) {
		t.Errorf("ran as %v, want %v", got, want)
	}
}

// TestLineRefused: what the store does not take is answered after what it took before.
func TestLineRefused(t *testing.T) {
	var d disk
	l := NewLine(nil, nil)
	var got []string
	note := func(name string) func(store.Result, error, bool) {
		return func(_ store.Result, err error, _ bool) {
			if err != nil {
				name += " " + err.Error()
			}
			got = append(got, name)
		}
	}
	l.then(&d, something, note("1"))
	l.then(&d, something, note("2"))
	d.mu.Lock()
	d.refuse = store.ErrClosed
	d.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.then(&d, something, note("3"))
		l.then(&d, store.Batch{}, note("4"))
	}()
	d.sync(nil)
	select {
	case <-done:
		t.Fatal("answered before the disk had what came before")
	default:
	}
	d.sync(store.ErrIO)
	<-done
	if want := []string{"1", "2 " + store.ErrIO.Error(), "3 " + store.ErrClosed.Error(), "4"}; !slices.Equal(got, want) {
		t.Errorf("ran as %q, want %q", got, want)
	}
}

// TestLineBounded: a session can't have more than so many stanzas with the disk; its reader waits.
func TestLineBounded(t *testing.T) {
	var d disk
	l := NewLine(nil, nil)
	handed := make(chan int, inFlight*2)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range inFlight + 10 {
			l.then(&d, something, func(store.Result, error, bool) {})
			handed <- i
		}
		l.Drain()
	}()
	for range inFlight {
		<-handed
	}
	select {
	case <-handed:
		t.Fatal("one more than the bound was handed over")
	default:
	}
	for {
		select {
		case <-done:
			d.mu.Lock()
			defer d.mu.Unlock()
			if len(d.pending) != 0 {
				t.Errorf("drained with %d still pending", len(d.pending))
			}
			return
		default:
			d.sync(nil)
		}
	}
}
