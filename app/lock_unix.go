//go:build unix

package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// lockFile is held by the server that runs on a data directory. The system lets go of it however the server ends.
const lockFile = "server.lock"

// lockData makes sure that one server at most runs on a data directory. Closing the file lets go.
func lockData(data string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(data, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the data directory can not be used: %w", err)
	}
	switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
	case errors.Is(err, syscall.EWOULDBLOCK):
		f.Close()
		return nil, fmt.Errorf("another server runs on the data in %s", data)
	case err != nil:
		f.Close()
		return nil, fmt.Errorf("the data in %s can not be locked: %w", data, err)
	}
	return f, nil
}
