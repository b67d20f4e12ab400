// Package local is the bus of a server that runs on one machine: every account is here. It holds no state but the handler; queues belong to
// the accounts.
package local

import (
	"sync/atomic"

	"godwit/bus"
)

// Bus calls its handler directly. Safe for concurrent use.
type Bus struct {
	handle bus.Handler
	closed atomic.Bool
}

// New returns a bus that gives every envelope to handle.
func New(handle bus.Handler) *Bus { return &Bus{handle: handle} }

// Send implements [bus.Bus].
func (b *Bus) Send(e bus.Envelope) error {
	if b.closed.Load() {
		return bus.ErrClosed
	}
	b.handle(e)
	return nil
}

// Close implements [bus.Bus].
func (b *Bus) Close() error {
	b.closed.Store(true)
	return nil
}

var _ bus.Bus = (*Bus)(nil)
