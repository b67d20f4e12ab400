package stream

import "godwit/xep/sasl2"

// NSSASL2ForTest is the namespace of the newer profile.
const NSSASL2ForTest = sasl2.NS

// ManagementAt is the state of a session that has sent and received so many.
func ManagementAt(n uint64) *Management {
	m := NewManagement(1 << 30)
	m.acked, m.received, m.handled = n, n, n
	return m
}

const MaxBuckets = maxBuckets

// Len is how many buckets of the largest kind are remembered.
func (l *AuthLimiter) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(len(l.addresses.m), len(l.accounts.m), len(l.trusted.m))
}
