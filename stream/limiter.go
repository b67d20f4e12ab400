package stream

import (
	"errors"
	"net/netip"
	"sync"
	"time"

	"godwit/jid"
	"godwit/link"
	"godwit/sasl"
)

// Defaults of AuthLimiter. A person mistypes a few times; a household or office
// shares an address; nobody guesses a password at these rates.
var (
	DefaultAddressRate = Rate{Burst: 20, Every: 3 * time.Second}
	DefaultAccountRate = Rate{Burst: 30, Every: 10 * time.Second}
)

// AuthLimiter is an AuthGuard of token buckets, one per address (see
// link.AddressGroup) and one per account. Only attempts that fail cost, so that
// thousands may sign in from one address at the same moment.
//
// Whoever has signed in to an account from an address has a bucket of their own
// from then on. Neither strangers that empty the account's bucket from
// elsewhere nor neighbours that empty the address's lock them out.
//
// It is safe for concurrent use. Its memory is bounded: at most maxBuckets of
// each kind are remembered.
type AuthLimiter struct {
	now func() time.Time
	// Failed, if not nil, is told about every failed attempt, for log and
	// metrics; account is zero when it was not known. Set it before use.
	Failed func(remote netip.Addr, account jid.JID, mechanism sasl.Mechanism, err error)

	mu        sync.Mutex // guards the rest
	addresses buckets[netip.Prefix]
	accounts  buckets[jid.JID]
	trusted   buckets[origin]
}

// origin is an account and where somebody signed in to it.
type origin struct {
	account jid.JID
	from    netip.Prefix
}

// NewAuthLimiter returns a limiter; a zero Rate is the default. now is the
// clock, time.Now outside tests.
func NewAuthLimiter(address, account Rate, now func() time.Time) *AuthLimiter {
	account = account.or(DefaultAccountRate)
	return &AuthLimiter{
		now:       now,
		addresses: newBuckets[netip.Prefix](address.or(DefaultAddressRate)),
		accounts:  newBuckets[jid.JID](account),
		trusted:   newBuckets[origin](account),
	}
}

// Allow implements AuthGuard. It takes a token of the account for the attempt,
// which Report gives back unless the attempt was a wrong guess. The address
// pays for wrong guesses only once they are known to be wrong; those under way
// at the same time may put it into debt.
func (l *AuthLimiter) Allow(remote netip.Addr, account jid.JID) bool {
	from, now := link.AddressGroup(remote), l.now()
	o := origin{account, from}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.trusted.m[o]; ok {
		if !l.trusted.has(o, now) {
			return false
		}
		l.trusted.spend(o, now)
		return true
	}
	if !l.addresses.has(from, now) || !l.accounts.has(account, now) {
		return false
	}
	l.accounts.spend(account, now)
	return true
}

// Report implements AuthGuard.
func (l *AuthLimiter) Report(remote netip.Addr, account jid.JID, mechanism sasl.Mechanism, err error) {
	l.report(link.AddressGroup(remote), account, err)
	if err != nil && l.Failed != nil {
		l.Failed(remote, account, mechanism, err)
	}
}

func (l *AuthLimiter) report(from netip.Prefix, account jid.JID, err error) {
	var refused *sasl.Error
	errors.As(err, &refused)
	o := origin{account, from}
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	_, trusted := l.trusted.m[o]
	switch {
	case errors.Is(err, ErrTooOften), errors.Is(err, sasl.ErrBindingType):
		return // nothing was taken and nothing guessed: it was refused by Allow, or before Allow was asked
	case err == nil && !trusted:
		l.accounts.give(account)
		l.trusted.put(o, bucket{}, now)
	case err == nil, refused != nil && refused.Condition == sasl.TemporaryAuthFailure: // our own fault
		if trusted {
			l.trusted.give(o)
		} else {
			l.accounts.give(account)
		}
	case !trusted:
		l.addresses.spend(from, now)
	}
}
