package link

import (
	"net/netip"
	"sync"
)

// AddressLimiter bounds how many connections one address, and all together, may
// have at a time. An IPv6 network of 64 bits counts as one address: it is what
// one household gets.
//
// One limiter may hold all connections of a listener and another those that
// have not signed in yet, released when they have.
//
// It is safe for concurrent use; memory is one small record per address that
// has connections now.
type AddressLimiter struct {
	perAddress, total int

	mu    sync.Mutex // guards the rest
	count map[netip.Prefix]int
	sum   int
}

// NewAddressLimiter returns a limiter; 0 or less means no limit.
func NewAddressLimiter(perAddress, total int) *AddressLimiter {
	return &AddressLimiter{perAddress: perAddress, total: total, count: make(map[netip.Prefix]int)}
}

// Acquire takes a place for a connection from addr. When ok, release gives it
// back; it must be called once, further calls do nothing.
func (l *AddressLimiter) Acquire(addr netip.Addr) (release func(), ok bool) {
	key := AddressGroup(addr)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.total > 0 && l.sum >= l.total || l.perAddress > 0 && l.count[key] >= l.perAddress {
		return nil, false
	}
	l.sum++
	l.count[key]++
	return sync.OnceFunc(func() { l.give(key) }), true
}

func (l *AddressLimiter) give(key netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sum--
	if l.count[key]--; l.count[key] == 0 {
		delete(l.count, key)
	}
}

// AddressGroup returns the network that counts as one for limits: the address
// itself for IPv4 (also when mapped into IPv6), /64 for IPv6.
func AddressGroup(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	p, err := addr.Prefix(bits)
	if err != nil { // no address: all of these count as one
		return netip.Prefix{}
	}
	return p
}
