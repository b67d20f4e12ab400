//go:build linux

package netlab

import (
	"fmt"
	"time"
)

// Link says what a link does to packets, the same in both directions. The zero
// value passes them on at once.
type Link struct {
	// Delay is the time one way; two nodes with 20 ms each are 80 ms of round
	// trip apart.
	Delay time.Duration
	// Jitter adds up to this, evenly distributed. Packets keep their order.
	Jitter time.Duration
	// Loss is the probability that a packet is lost, 0 to 1.
	Loss float64
	// Rate is in bits per second; 0 does not limit.
	Rate int64
	// Queue is how many bytes wait for the rate before the tail is dropped;
	// 0 means 256 KiB.
	Queue int
}

const defaultQueue = 256 << 10

func (l Link) check() error {
	if l.Delay < 0 || l.Jitter < 0 || l.Loss < 0 || l.Loss > 1 || l.Rate < 0 || l.Queue < 0 {
		return fmt.Errorf("netlab: impossible link %+v", l)
	}
	return nil
}

// pacer decides the fate of each packet of one direction. Time and chance are
// arguments; it belongs to whoever calls plan.
type pacer struct {
	free time.Time // when the line has sent all it took
	last time.Time // when the packet before leaves at the far end
}

// plan tells when a packet of size bytes that arrives now comes out at the far
// end, or that it does not. lost and late are evenly distributed in [0, 1).
func (p *pacer) plan(l Link, now time.Time, size int, lost, late float64) (time.Time, bool) {
	sent := now
	if l.Rate > 0 {
		queue := l.Queue
		if queue == 0 {
			queue = defaultQueue
		}
		if p.free.Before(now) {
			p.free = now
		}
		backlog := int64(p.free.Sub(now).Seconds() * float64(l.Rate) / 8)
		if backlog+int64(size) > int64(queue) {
			return time.Time{}, false
		}
		p.free = p.free.Add(time.Duration(float64(size) * 8 / float64(l.Rate) * float64(time.Second)))
		sent = p.free
	}
	if lost < l.Loss {
		return time.Time{}, false
	}
	out := sent.Add(l.Delay + time.Duration(late*float64(l.Jitter)))
	if out.Before(p.last) {
		out = p.last
	}
	p.last = out
	return out, true
}
