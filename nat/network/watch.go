package network

import (
	"context"
	"log/slog"
	"time"
)

// Change is news about the network.
type Change struct {
	State State
	// First: nothing changed, this is how it was when Watch began.
	First bool
	// Slept is for how long the machine did not run, if it slept; the network may
	// be another although it looks the same.
	Slept time.Duration
}

// Options of Watch. The zero value is usable.
type Options struct {
	// Logger may be nil.
	Logger *slog.Logger

	// For tests; nil is the system's.
	current func() (State, error)
	events  func(context.Context) (<-chan struct{}, error)
	clocks  func() (running, all time.Duration)
}

// Times of the watch.
const (
	settle     = 150 * time.Millisecond // without an event before the tables are read
	settleMost = 500 * time.Millisecond // and in all, when events do not end
	poll       = 2 * time.Second
	minSleep   = 3 * time.Second // less is the jitter of clocks
)

// Watch tells the state at the beginning, and then each change that matters: see
// State.Same. Changes that nobody has read yet are merged. The channel is closed
// when ctx has ended.
func Watch(ctx context.Context, o Options) <-chan Change {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.current == nil {
		o.current = Current
	}
	if o.events == nil {
		o.events = events
	}
	if o.clocks == nil {
		o.clocks = clocks()
	}
	w := &watch{Options: o, out: make(chan Change)}
	go w.run(ctx)
	return w.out
}

// watch is one watch; all of it is its goroutine's.
type watch struct {
	Options
	out     chan Change
	known   bool
	state   State
	pending *Change // not read yet
	failed  bool    // reading did, last time
}

func (w *watch) run(ctx context.Context) {
	defer close(w.out)
	events, err := w.events(ctx)
	if err != nil {
		w.Logger.Info("network: the system does not tell of changes, looking every two seconds", "error", err)
	}
	w.look(0)
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	running, all := w.clocks()
	var quiet <-chan time.Time // when events have been quiet for long enough
	var since time.Time        // the first of them
	for {
		out, change := w.next()
		select {
		case <-ctx.Done():
			return
		case out <- change:
			w.pending = nil
		case _, ok := <-events:
			if !ok {
				events = nil // ended: from now on the ticker looks
				continue
			}
			if quiet == nil {
				since = time.Now()
			}
			quiet = time.After(min(settle, max(0, settleMost-time.Since(since))))
		case <-quiet:
			quiet = nil
			w.look(0)
		case <-ticker.C:
			r, a := w.clocks()
			slept := (a - all) - (r - running)
			running, all = r, a
			switch {
			case slept >= minSleep:
				w.look(slept)
			case events == nil && quiet == nil:
				w.look(0)
			}
		}
	}
}

// next is what is to be sent, if there is something.
func (w *watch) next() (chan<- Change, Change) {
	if w.pending == nil {
		return nil, Change{}
	}
	return w.out, *w.pending
}

// look reads the state and remembers what is news.
func (w *watch) look(slept time.Duration) {
	s, err := w.current()
	if err != nil {
		if !w.failed {
			w.Logger.Warn("network: listing the interfaces", "error", err)
		}
		w.failed = true
		return
	}
	w.failed = false
	same := w.known && s.Same(w.state)
	if same && s.Four.Hardware == "" {
		s.Four.Hardware = w.state.Four.Hardware // not known at the moment, but the same router
	}
	first := !w.known
	w.state, w.known = s, true
	if same && slept == 0 {
		if w.pending != nil {
			w.pending.State = s
		}
		return
	}
	if w.pending != nil {
		first, slept = w.pending.First, slept+w.pending.Slept
	}
	w.pending = &Change{State: s, First: first, Slept: slept}
}
