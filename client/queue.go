package client

import "sync"

// eventQueue keeps events until the application takes them. The owner goroutine
// pushes and never waits; readers of the network wait in room while the
// application is behind.
type eventQueue struct {
	out chan Event

	mu     sync.Mutex
	list   []Event
	limit  int
	ended  bool
	more   chan struct{} // wakes the pump
	spaced chan struct{} // closed when there is room again; nil while there is
}

func newEventQueue(limit int) *eventQueue {
	return &eventQueue{out: make(chan Event), limit: limit, more: make(chan struct{}, 1)}
}

func (q *eventQueue) push(e Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended {
		return
	}
	q.list = append(q.list, e)
	if len(q.list) >= q.limit && q.spaced == nil {
		q.spaced = make(chan struct{})
	}
	q.signal()
}

func (q *eventQueue) signal() {
	select {
	case q.more <- struct{}{}:
	default:
	}
}

// room returns nil, or a channel that is closed when the application has caught up.
func (q *eventQueue) room() <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.spaced
}

// end lets the pump finish: after what is queued the channel is closed.
func (q *eventQueue) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	q.signal()
}

// pump hands events to the application until end was called and all are taken.
func (q *eventQueue) pump() {
	defer close(q.out)
	for {
		q.mu.Lock()
		list, ended := q.list, q.ended
		q.list = nil
		q.mu.Unlock()
		for i, e := range list {
			q.out <- e
			if i == len(list)/2 {
				q.release()
			}
		}
		q.release()
		if len(list) > 0 {
			continue
		}
		if ended {
			return
		}
		<-q.more
	}
}

// release lets readers go on when few events wait.
func (q *eventQueue) release() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.spaced != nil && (len(q.list) < q.limit/2 || q.ended) {
		close(q.spaced)
		q.spaced = nil
	}
}
