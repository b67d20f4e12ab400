package stream

import (
	"net/netip"
	"sync"
	"time"

	"godwit/link"
)

// Rate is a token bucket's: Burst attempts at once, one more every Every.
type Rate struct {
	Burst int
	Every time.Duration
}

func (r Rate) or(def Rate) Rate {
	if r.Burst <= 0 || r.Every <= 0 {
		return def
	}
	return r
}

// bucket is a token bucket as the time when it will be full again.
type bucket struct{ full time.Time }

// has reports whether there is a token.
func (r Rate) has(b bucket, now time.Time) bool {
	return b.full.Sub(now) <= time.Duration(r.Burst-1)*r.Every
}

// spend takes a token, also one that is not there: then the bucket is in debt, at most by maxDebt.
func (r Rate) spend(b bucket, now time.Time) bucket {
	if b.full.Before(now) {
		b.full = now
	}
	b.full = b.full.Add(r.Every)
	if most := now.Add(time.Duration(r.Burst)*r.Every + maxDebt); b.full.After(most) {
		b.full = most
	}
	return b
}

// maxDebt bounds how long tokens that were spent before they were there lock out.
const maxDebt = time.Hour

// buckets is a bounded table of token buckets. Its owner synchronises.
type buckets[K comparable] struct {
	rate Rate
	m    map[K]bucket
}

const maxBuckets = 1 << 16

func newBuckets[K comparable](r Rate) buckets[K] { return buckets[K]{r, make(map[K]bucket)} }

func (t *buckets[K]) has(k K, now time.Time) bool { return t.rate.has(t.m[k], now) }

func (t *buckets[K]) spend(k K, now time.Time) { t.put(k, t.rate.spend(t.m[k], now), now) }

// give puts a token back.
func (t *buckets[K]) give(k K) {
	if b, ok := t.m[k]; ok {
		t.m[k] = bucket{b.full.Add(-t.rate.Every)}
	}
}

// put stores a bucket. Into a full table it makes room at a bounded cost: it looks at a few entries, forgets those that are full again, which
// say nothing, and at worst one that is not.
func (t *buckets[K]) put(k K, b bucket, now time.Time) {
	if _, ok := t.m[k]; !ok && len(t.m) >= maxBuckets {
		looked := 0
		for other, o := range t.m {
			looked++
			if !o.full.After(now) || (looked == 16 && len(t.m) >= maxBuckets) {
				delete(t.m, other)
			}
			if looked == 16 {
				break
			}
		}
	}
	t.m[k] = b
}

// AddressRate limits how often something may be done from one address (see link.AddressGroup). It is safe for concurrent use, and its memory is
// bounded.
type AddressRate struct {
	now func() time.Time

	mu sync.Mutex // guards t
	t  buckets[netip.Prefix]
}

// NewAddressRate returns a limiter. now is the clock, time.Now outside tests.
func NewAddressRate(r Rate, now func() time.Time) *AddressRate {
	return &AddressRate{now: now, t: newBuckets[netip.Prefix](r)}
}

// Take takes a token of an address, and reports whether there was one.
func (l *AddressRate) Take(remote netip.Addr) bool {
	from, now := link.AddressGroup(remote), l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.t.has(from, now) {
		return false
	}
	l.t.spend(from, now)
	return true
}
