package relay

import (
	"net/netip"
	"sync"
	"time"
)

// limiter is a token bucket per source, bounded in memory: when the table is
// full, the sources of the previous generation are forgotten. Sources are
// single IPv4 addresses and IPv6 /64 networks, because one subscriber owns a
// whole /64. Safe for concurrent use; its lock guards leaf data only.
type limiter struct {
	rate  float64 // tokens per second
	burst float64 // tokens in a full bucket
	limit int     // sources per generation

	mu       sync.Mutex
	current  map[netip.Addr]bucket
	previous map[netip.Addr]bucket
}

type bucket struct {
	tokens float64
	at     time.Time
}

func newLimiter(rate, burst float64, limit int) *limiter {
	return &limiter{rate: rate, burst: burst, limit: limit, current: make(map[netip.Addr]bucket)}
}

// allow takes one token of the source's bucket and reports whether there was one.
func (l *limiter) allow(from netip.Addr, now time.Time) bool {
	source := sourceOf(from)
	l.mu.Lock()
	defer l.mu.Unlock()
	b, found := l.current[source]
	if !found {
		if b, found = l.previous[source]; !found {
			b = bucket{tokens: l.burst, at: now}
		}
		if len(l.current) >= l.limit {
			l.previous, l.current = l.current, make(map[netip.Addr]bucket)
		}
	}
	if elapsed := now.Sub(b.at).Seconds(); elapsed > 0 {
		b.tokens = min(l.burst, b.tokens+elapsed*l.rate)
		b.at = now
	}
	allowed := b.tokens >= 1
	if allowed {
		b.tokens--
	}
	l.current[source] = b
	return allowed
}

// sourceOf is what limits count by: the IPv4 address, or the IPv6 /64.
func sourceOf(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a
	}
	prefix, err := a.Prefix(64)
	if err != nil {
		return a
	}
	return prefix.Addr()
}
