//go:build unix

package app

import (
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// hangups reports SIGHUP.
func hangups() (<-chan os.Signal, func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	return c, func() { signal.Stop(c) }
}

func isAddrInUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }
