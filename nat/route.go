package nat

import (
	"errors"
	"runtime"
	"syscall"
)

// noRoute reports whether a socket failed because this machine has no way out.
func noRoute(err error) bool {
	var code syscall.Errno
	if !errors.As(err, &code) {
		return false
	}
	switch code {
	case syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.EADDRNOTAVAIL, syscall.EAFNOSUPPORT:
		return true
	case 10047, 10049, 10051, 10065: // the same of Winsock, for which Go has no names
		return runtime.GOOS == "windows"
	}
	return false
}
