package client

import "sync"

// gate bounds what readers put into the mailbox: each stanza takes a place and
// gives it back when it is dealt with, and nobody enters while the application has
// too many unread events. Safe for many goroutines.
type gate struct {
	places chan struct{}
	events *eventQueue
	closed chan struct{}
	once   sync.Once
}

// maxInFlight is the most stanzas, of all streams, that were read and are not yet
// dealt with.
const maxInFlight = 512

func newGate(events *eventQueue) *gate {
	return &gate{places: make(chan struct{}, maxInFlight), events: events, closed: make(chan struct{})}
}

// enter waits for a place. It reports false once the gate is closed.
func (g *gate) enter() bool {
	if room := g.events.room(); room != nil {
		select {
		case <-room:
		case <-g.closed:
			return false
		}
	}
	select {
	case g.places <- struct{}{}:
		return true
	case <-g.closed:
		return false
	}
}

// leave gives a place back.
func (g *gate) leave() { <-g.places }

func (g *gate) close() { g.once.Do(func() { close(g.closed) }) }

// ticket is the duty that comes with a stanza: to acknowledge it once what it
// promises is durable, and to give its place in the gate back. It belongs to the
// owner goroutine.
type ticket struct {
	gate *gate
	ack  func() // tells the stream
	free bool   // the place was given back
}

// done acknowledges the stanza.
func (t *ticket) done() {
	t.ack()
	t.release()
}

// release gives the place back, without acknowledging yet.
func (t *ticket) release() {
	if !t.free {
		t.free = true
		t.gate.leave()
	}
}

// worker runs jobs one after another on a goroutine that exists only while there
// are some: writes to the cache that nobody waits for. Safe for many goroutines.
type worker struct {
	mu     sync.Mutex
	jobs   []func()
	busy   bool
	idle   *sync.Cond
	closed bool
}

func newWorker() *worker {
	w := &worker{}
	w.idle = sync.NewCond(&w.mu)
	return w
}

func (w *worker) do(job func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	w.jobs = append(w.jobs, job)
	if !w.busy {
		w.busy = true
		go w.run()
	}
}

func (w *worker) run() {
	for {
		w.mu.Lock()
		jobs := w.jobs
		w.jobs = nil
		if len(jobs) == 0 {
			w.busy = false
			w.idle.Broadcast()
			w.mu.Unlock()
			return
		}
		w.mu.Unlock()
		for _, job := range jobs {
			job()
		}
	}
}

// close waits for the jobs there are and refuses others.
func (w *worker) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	for w.busy {
		w.idle.Wait()
	}
}
