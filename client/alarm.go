package client

import (
	"container/heap"
	"time"
)

// alarm is a function due at a time. The zero value is not set. It belongs to the
// owner goroutine.
type alarm struct {
	at    time.Time
	ring  func()
	index int // in the heap, plus one; 0: not set
}

// alarms holds the client's timers. It belongs to the owner goroutine.
type alarms struct{ due alarmHeap }

// set makes a due at a time, instead of whatever it was set to.
func (s *alarms) set(a *alarm, at time.Time, ring func()) {
	a.at, a.ring = at, ring
	if a.index > 0 {
		heap.Fix(&s.due, a.index-1)
		return
	}
	heap.Push(&s.due, a)
}

// stop unsets a.
func (s *alarms) stop(a *alarm) {
	if a.index > 0 {
		heap.Remove(&s.due, a.index-1)
	}
}

func (a *alarm) isSet() bool { return a.index > 0 }

// next is when the earliest is due, or the zero time.
func (s *alarms) next() time.Time {
	if len(s.due) == 0 {
		return time.Time{}
	}
	return s.due[0].at
}

// ring runs what is due.
func (s *alarms) ring(now time.Time) {
	for len(s.due) > 0 && !s.due[0].at.After(now) {
		a := heap.Pop(&s.due).(*alarm)
		a.ring()
	}
}

type alarmHeap []*alarm

func (h alarmHeap) Len() int           { return len(h) }
func (h alarmHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h alarmHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i+1, j+1
}

func (h *alarmHeap) Push(x any) {
	a := x.(*alarm)
	*h = append(*h, a)
	a.index = len(*h)
}

func (h *alarmHeap) Pop() any {
	old := *h
	a := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	a.index = 0
	return a
}
