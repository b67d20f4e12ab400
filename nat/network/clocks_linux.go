package network

import (
	"time"

	"golang.org/x/sys/unix"
)

// clocks are two: one stands still while the machine sleeps, one does not. Neither
// is ever set.
func clocks() func() (running, all time.Duration) {
	read := func(id int32) time.Duration {
		var t unix.Timespec
		if err := unix.ClockGettime(id, &t); err != nil {
			return 0 // both do: then nothing ever seems to have slept
		}
		return time.Duration(t.Nano())
	}
	return func() (running, all time.Duration) { return read(unix.CLOCK_MONOTONIC), read(unix.CLOCK_BOOTTIME) }
}
