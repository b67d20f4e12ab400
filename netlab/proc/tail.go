package proc

import (
	"strings"
	"sync"
)

// tail keeps the end of what is written to it. It is leaf data behind a mutex,
// as several goroutines look at it.
type tail struct {
	mu      sync.Mutex
	max     int
	data    []byte
	dropped bool
}

func newTail(maxBytes int) *tail { return &tail{max: maxBytes} }

// Write never fails.
func (k *tail) Write(b []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.data = append(k.data, b...)
	if len(k.data) > 2*k.max { // trimmed rarely, so the cost per byte is constant
		k.data = append(k.data[:0], k.data[len(k.data)-k.max:]...)
		k.dropped = true
	}
	return len(b), nil
}

// chosen passes on the lines that are to be kept. Each is written at once.
type chosen struct {
	to   *tail
	keep func(line string) bool
}

func (c chosen) Write(b []byte) (int, error) {
	if c.keep(strings.TrimSuffix(string(b), "\n")) {
		return c.to.Write(b)
	}
	return len(b), nil
}

// String is what was kept, marked if the beginning is gone.
func (k *tail) String() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.dropped {
		return "[…]" + string(k.data)
	}
	return string(k.data)
}
