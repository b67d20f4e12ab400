//go:build !linux

package network

import "time"

// clocks are two: one that, on most systems, stands still while the machine
// sleeps, and the time of day. Setting that forward looks like sleep; a needless
// look at the network is all that follows.
func clocks() func() (running, all time.Duration) {
	start := time.Now()
	return func() (running, all time.Duration) {
		now := time.Now()
		return now.Sub(start), now.Round(0).Sub(start.Round(0))
	}
}
