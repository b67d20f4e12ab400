package account

import (
	"sync"

	"godwit/bus"
)

// item is one event: an envelope, or a function when there is none.
type item struct {
	envelope bus.Envelope
	do       func()
}

// inlineBatch bounds how many events a goroutine that merely came by works on before it hands the rest to a goroutine of its own.
const inlineBatch = 64

// keepItems is how large a buffer an idle account may hold on to.
const keepItems = 8

// mailbox is the run queue of one account. Its owner is whoever runs it: at any time at most one goroutine, which alone may touch the
// account's state. mu guards the queue itself.
type mailbox struct {
	mu      sync.Mutex
	queue   []item
	spare   []item // the other buffer, kept to avoid allocation
	running bool
	closed  bool
	room    chan struct{} // closed when the queue is taken; nil while nobody waits for that
}

// crowded is how many events may wait before readers of streams are held up; see [Registry.AwaitRoom].
const crowded = 1024

// put adds an event. It reports whether the mailbox is open and whether the caller must now run it.
func (m *mailbox) put(it item) (open, run bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false, false
	}
	m.queue = append(m.queue, it)
	if m.running {
		return true, false
	}
	m.running = true
	return true, true
}

// take returns what has queued, or nothing and ends the run.
func (m *mailbox) take() []item {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.queue) == 0 {
		m.running = false
		return nil
	}
	if m.room != nil {
		close(m.room)
		m.room = nil
	}
	batch := m.queue
	m.queue, m.spare = m.spare[:0], nil
	return batch
}

// awaitRoom returns a channel to wait on when the mailbox is crowded, nil otherwise.
func (m *mailbox) awaitRoom() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.queue) < crowded {
		return nil
	}
	if m.room == nil {
		m.room = make(chan struct{})
	}
	return m.room
}

// giveBack returns the buffer of a batch that was worked on. Large ones are left to the collector.
func (m *mailbox) giveBack(batch []item) {
	clear(batch)
	if cap(batch) > keepItems {
		return
	}
	m.mu.Lock()
	m.spare = batch[:0]
	m.mu.Unlock()
}

// closeIfIdle closes the mailbox when nothing has queued. Only the goroutine that runs it calls this.
func (m *mailbox) closeIfIdle() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.queue) > 0 {
		return false
	}
	m.closed = true
	return true
}
