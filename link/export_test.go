package link

// LimiterLen is how many addresses are remembered.
func LimiterLen(l *AddressLimiter) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.count)
}
