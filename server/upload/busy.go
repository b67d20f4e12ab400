package upload

import (
	"sync"
	"time"

	"godwit/jid"
)

// busy counts what accounts do at the moment. mu guards its maps; nothing is
// called while it is held.
type busy struct {
	burst            time.Duration // as much as may be spent in advance
	every            time.Duration
	atOnce, together int

	mu      sync.Mutex
	next    map[jid.JID]time.Time // when an account's bucket of slots is full again
	sending map[jid.JID]int
	all     int
}

// maxBuckets bounds the accounts whose rate is remembered.
const maxBuckets = 16 << 10

func newBusy(c Config) *busy {
	return &busy{burst: time.Duration(c.Burst-1) * c.Every, every: c.Every, atOnce: c.AtOnce, together: c.AtOnceAll,
		next: map[jid.JID]time.Time{}, sending: map[jid.JID]int{}}
}

// slot takes one from an account's bucket; else it tells when there is one again.
func (b *busy) slot(owner jid.JID, now time.Time) (again time.Time, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	full := b.next[owner.Bare()]
	if full.Before(now) {
		full = now
	}
	if ahead := full.Sub(now); ahead > b.burst {
		return now.Add(ahead - b.burst), false
	}
	if len(b.next) >= maxBuckets {
		for who, at := range b.next {
			if !at.After(now) || len(b.next) >= maxBuckets {
				delete(b.next, who)
			}
		}
	}
	b.next[owner.Bare()] = full.Add(b.every)
	return time.Time{}, true
}

// enter counts an account's upload in, if it may send another one at the moment.
// leave counts it out.
func (b *busy) enter(owner jid.JID) (leave func(), ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.sending[owner] >= b.atOnce || b.all >= b.together {
		return nil, false
	}
	b.sending[owner]++
	b.all++
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.all--
		if b.sending[owner]--; b.sending[owner] == 0 {
			delete(b.sending, owner)
		}
	}, true
}
