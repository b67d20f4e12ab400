package relay

import (
	"net/netip"
	"sync"
	"time"
)

// ledger knows every live allocation and what each user has. It owns the users'
// accounts and the index of relayed addresses; both are leaf data under mu.
// Safe for concurrent use.
type ledger struct {
	perUser   int     // allocations of one user
	total     int     // allocations of all
	bandwidth float64 // bytes a second of one user in each direction; 0 is unlimited

	mu       sync.RWMutex
	live     int
	users    map[string]*user
	relayed  map[netip.AddrPort]*allocation // by the address told to the client
	bound    map[netip.AddrPort]*allocation // by the address of the socket
	relaying map[netip.Addr]int             // allocations at each relayed IP address
}

// user is what one account has. The count belongs to the ledger's lock; the
// buckets have their own.
type user struct {
	name        string
	allocations int
	in, out     byteBucket // from peers, to peers
}

func newLedger(perUser, total int, bandwidth float64) *ledger {
	return &ledger{
		perUser: perUser, total: total, bandwidth: bandwidth,
		users:    make(map[string]*user),
		relayed:  make(map[netip.AddrPort]*allocation),
		bound:    make(map[netip.AddrPort]*allocation),
		relaying: make(map[netip.Addr]int),
	}
}

// acquire takes one allocation out of the user's quota and of the whole. The
// caller must give it back with release.
func (l *ledger) acquire(name string, now time.Time) (*user, Reason) {
	l.mu.Lock()
	defer l.mu.Unlock()
	u := l.users[name]
	if u != nil && u.allocations >= l.perUser {
		return nil, ReasonQuota
	}
	if l.live >= l.total {
		return nil, ReasonCapacity
	}
	if u == nil {
		l.forget(now)
		u = &user{name: name}
		u.in.fill(l.bandwidth, now)
		u.out.fill(l.bandwidth, now)
		l.users[name] = u
	}
	u.allocations++
	l.live++
	return u, reasonNone
}

// forget drops users that have nothing and whose buckets are full again, which
// is when remembering them makes no difference. It looks only when there are
// many more users than allocations, so its cost is spread over those that came.
func (l *ledger) forget(now time.Time) {
	if len(l.users) < 2*l.live+64 {
		return
	}
	for name, u := range l.users {
		if u.allocations == 0 && u.in.full(now) && u.out.full(now) {
			delete(l.users, name)
		}
	}
}

func (l *ledger) release(u *user) {
	l.mu.Lock()
	defer l.mu.Unlock()
	u.allocations--
	l.live--
}

// enter makes the allocation known; leave ends that.
func (l *ledger) enter(a *allocation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.relayed[a.relayed] = a
	l.bound[a.bound] = a
	l.relaying[a.relayed.Addr()]++
}

func (l *ledger) leave(a *allocation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.relayed, a.relayed)
	delete(l.bound, a.bound)
	if l.relaying[a.relayed.Addr()]--; l.relaying[a.relayed.Addr()] <= 0 {
		delete(l.relaying, a.relayed.Addr())
	}
}

// at returns the allocation with this relayed address, or nil.
func (l *ledger) at(relayed netip.AddrPort) *allocation {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.relayed[relayed]
}

// of returns the allocations of a user.
func (l *ledger) of(name string) []*allocation {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var list []*allocation
	for _, a := range l.relayed {
		if a.user.name == name {
			list = append(list, a)
		}
	}
	return list
}

// isRelayed implements surroundings.relayed.
func (l *ledger) isRelayed(peer netip.AddrPort) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if peer.Port() == 0 {
		return l.relaying[peer.Addr()] > 0
	}
	return l.relayed[peer] != nil
}

// sender returns the allocation whose socket has this local address, or nil. A
// socket bound to the wildcard sends from any address of the host, so its port
// alone tells, which no other socket of the family can have.
func (l *ledger) sender(from netip.AddrPort, own func(netip.Addr) bool) *allocation {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if a := l.bound[from]; a != nil {
		return a
	}
	any := netip.IPv4Unspecified()
	if from.Addr().Is6() {
		any = netip.IPv6Unspecified()
	}
	if a := l.bound[netip.AddrPortFrom(any, from.Port())]; a != nil && (own(from.Addr()) || from.Addr().IsLoopback()) {
		return a
	}
	return nil
}

// taken reports whether an allocation has the port on this local address.
func (l *ledger) taken(bound netip.AddrPort) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.bound[bound] != nil
}

// counts returns the live allocations and the users that have some.
func (l *ledger) counts() (allocations, users int) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, u := range l.users {
		if u.allocations > 0 {
			users++
		}
	}
	return l.live, users
}

// byteBucket is a token bucket of bytes that holds two seconds' worth. Safe for
// concurrent use.
type byteBucket struct {
	mu     sync.Mutex
	rate   float64 // bytes a second; 0 is unlimited
	tokens float64
	at     time.Time
}

const bucketSeconds = 2

func (b *byteBucket) fill(rate float64, now time.Time) {
	b.rate, b.tokens, b.at = rate, bucketSeconds*rate, now
}

// take takes n bytes and reports whether there were as many.
func (b *byteBucket) take(n int, now time.Time) bool {
	if b.rate <= 0 {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.advance(now)
	if b.tokens < float64(n) {
		return false
	}
	b.tokens -= float64(n)
	return true
}

func (b *byteBucket) full(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.advance(now)
	return b.tokens >= bucketSeconds*b.rate
}

func (b *byteBucket) advance(now time.Time) {
	if elapsed := now.Sub(b.at).Seconds(); elapsed > 0 {
		b.tokens = min(bucketSeconds*b.rate, b.tokens+elapsed*b.rate)
		b.at = now
	}
}
