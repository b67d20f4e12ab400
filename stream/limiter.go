package stream

import (
	"net/netip"
	"sync"
	"time"

	"godwit/jid"
	"godwit/link"
	"godwit/sasl"
)

// Rate is a token bucket's: Burst attempts at once, one more every Every.
type Rate struct {
	Burst int
	Every time.Duration
}

// Defaults of AuthLimiter. A person mistypes a few times; a household or office
// shares an address; nobody guesses a password at these rates.
var (
	DefaultAddressRate = Rate{Burst: 20, Every: 3 * time.Second}
	DefaultAccountRate = Rate{Burst: 30, Every: 10 * time.Second}
)

// AuthLimiter is an AuthGuard of token buckets, one per address (see
// link.AddressGroup) and one per account. Only attempts that fail cost. Whoever
// has signed in to an account from an address is not locked out by strangers
// that empty the account's bucket from elsewhere.
//
// It is safe for concurrent use. Its memory is bounded: at most maxBuckets of
// each kind are remembered.
type AuthLimiter struct {
	address, account Rate
	now              func() time.Time
	// Failed, if not nil, is told about every failed attempt, for log and
	// metrics; account is zero when it was not known. Set it before use.
	Failed func(remote netip.Addr, account jid.JID, mechanism sasl.Mechanism, err error)

	mu        sync.Mutex // guards the rest
	addresses map[netip.Prefix]bucket
	accounts  map[jid.JID]bucket
	trusted   map[origin]struct{}
}

// origin is an account and where somebody signed in to it.
type origin struct {
	account jid.JID
	from    netip.Prefix
}

// bucket is a token bucket as the time when it will be full again.
type bucket struct{ full time.Time }

const maxBuckets = 1 << 16

// NewAuthLimiter returns a limiter; a zero Rate is the default. now is the
// clock, time.Now outside tests.
func NewAuthLimiter(address, account Rate, now func() time.Time) *AuthLimiter {
	if address.Burst <= 0 || address.Every <= 0 {
		address = DefaultAddressRate
	}
	if account.Burst <= 0 || account.Every <= 0 {
		account = DefaultAccountRate
	}
	return &AuthLimiter{
		address: address, account: account, now: now,
		addresses: make(map[netip.Prefix]bucket), accounts: make(map[jid.JID]bucket),
		trusted: make(map[origin]struct{}),
	}
}

// take takes a token, if there is one. force takes it in any case, at most to
// empty.
func (r Rate) take(b bucket, now time.Time, force bool) (bucket, bool) {
	if b.full.Before(now) {
		b.full = now
	}
	after := b.full.Add(r.Every)
	if after.Sub(now) > time.Duration(r.Burst)*r.Every {
		return b, force
	}
	return bucket{after}, true
}

// Allow implements AuthGuard. It takes a token for the attempt, which Report
// gives back if it succeeds.
func (l *AuthLimiter) Allow(remote netip.Addr, account jid.JID) bool {
	from := link.AddressGroup(remote)
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.address.take(l.addresses[from], now, false)
	if !ok {
		return false
	}
	_, trusted := l.trusted[origin{account, from}]
	c, ok := l.account.take(l.accounts[account], now, trusted)
	if !ok {
		return false
	}
	put(l.addresses, from, b, now)
	put(l.accounts, account, c, now)
	return true
}

// Report implements AuthGuard.
func (l *AuthLimiter) Report(remote netip.Addr, account jid.JID, mechanism sasl.Mechanism, err error) {
	if l.report(link.AddressGroup(remote), account, err != nil); err != nil && l.Failed != nil {
		l.Failed(remote, account, mechanism, err)
	}
}

func (l *AuthLimiter) report(from netip.Prefix, account jid.JID, failed bool) {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case failed && account.IsZero(): // Allow was not asked
		b, _ := l.address.take(l.addresses[from], now, true)
		put(l.addresses, from, b, now)
	case !failed:
		give(l.addresses, from, l.address)
		give(l.accounts, account, l.account)
		if len(l.trusted) >= maxBuckets {
			for k := range l.trusted { // any one
				delete(l.trusted, k)
				break
			}
		}
		l.trusted[origin{account, from}] = struct{}{}
	}
}

func give[K comparable](m map[K]bucket, k K, r Rate) {
	if b, ok := m[k]; ok {
		m[k] = bucket{b.full.Add(-r.Every)}
	}
}

// put stores a bucket. Into a full map it makes room at a bounded cost: it looks
// at a few entries, forgets those that are full again, which say nothing, and at
// worst one that is not.
func put[K comparable](m map[K]bucket, k K, b bucket, now time.Time) {
	if _, ok := m[k]; !ok && len(m) >= maxBuckets {
		looked := 0
		for other, o := range m {
			looked++
			if !o.full.After(now) || (looked == 16 && len(m) >= maxBuckets) {
				delete(m, other)
			}
			if looked == 16 {
				break
			}
		}
	}
	m[k] = b
}
