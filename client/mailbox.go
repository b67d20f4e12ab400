package client

import "sync"

// mailbox holds functions for the goroutine that owns the client's state. Putting
// never waits, so readers, the cache and the application cannot hold each other
// up; those who put much bound themselves (see gate).
type mailbox struct {
	mu     sync.Mutex // guards queue and closed, nothing else
	queue  []func()
	closed bool
	wake   chan struct{} // holds one token while queue is not empty
}

func newMailbox() *mailbox { return &mailbox{wake: make(chan struct{}, 1)} }

// put adds f. It reports false, and drops f, once the mailbox is closed.
func (m *mailbox) put(f func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false
	}
	m.queue = append(m.queue, f)
	select {
	case m.wake <- struct{}{}:
	default:
	}
	return true
}

// take returns what is there, in order.
func (m *mailbox) take() []func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	q := m.queue
	m.queue = nil
	return q
}

// close refuses what comes later and returns what is still there.
func (m *mailbox) close() []func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	q := m.queue
	m.queue, m.closed = nil, true
	return q
}
