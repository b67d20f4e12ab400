package proc

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

const (
	// maxLine is the longest line of output that is understood, in bytes.
	maxLine = 4 << 20
	// maxQueued bounds the output that waits for the test, in bytes. Beyond it
	// the program waits in its own write, as it would with any pipe.
	maxQueued = 64 << 20
)

// lineQueue turns a pipe into lines on a channel. The goroutine in read owns
// the pipe, the goroutine in deliver owns the waiting lines.
type lineQueue struct {
	pipe     *os.File
	in       chan string
	out      chan string
	released chan struct{}
	once     sync.Once
	readEnd  chan struct{} // closed when nothing more is read; err is final then
	sendEnd  chan struct{} // closed when deliver has returned
	err      error
}

func newLineQueue(pipe *os.File) *lineQueue {
	return &lineQueue{
		pipe:     pipe,
		in:       make(chan string),
		out:      make(chan string),
		released: make(chan struct{}),
		readEnd:  make(chan struct{}),
		sendEnd:  make(chan struct{}),
	}
}

// read copies lines from the pipe until its end. When nobody will ask for them any
// more it goes on for the sake of keep: the last words of a program are what a
// failure report is read for.
func (q *lineQueue) read(keep io.Writer) {
	defer close(q.in) // last: whoever sees the end of the lines can ask why
	defer close(q.readEnd)
	defer func() { _ = q.pipe.Close() }()
	scanner := bufio.NewScanner(q.pipe)
	scanner.Buffer(make([]byte, 0, 4096), maxLine)
	for scanner.Scan() {
		line := scanner.Text()
		_, _ = io.WriteString(keep, line+"\n")
		select {
		case q.in <- line:
		case <-q.released:
		}
	}
	err := scanner.Err()
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		return
	}
	q.err = fmt.Errorf("standard output cannot be read on: %w", err)
	_, _ = io.Copy(io.Discard, q.pipe) // the program must not block for our sake
}

// deliver hands the lines on in order. It takes from the reader at any time
// that less than maxQueued bytes wait.
func (q *lineQueue) deliver() {
	defer close(q.sendEnd)
	defer close(q.out)
	var waiting []string
	size := 0
	in := q.in
	for in != nil || len(waiting) > 0 {
		from := in
		if size >= maxQueued {
			from = nil
		}
		var to chan string
		var next string
		if len(waiting) > 0 {
			to, next = q.out, waiting[0]
		}
		select {
		case line, ok := <-from:
			if !ok {
				in = nil
				break
			}
			waiting = append(waiting, line)
			size += len(line)
		case to <- next:
			waiting[0] = ""
			waiting = waiting[1:]
			size -= len(next)
		case <-q.released:
			return
		}
	}
}

// release ends both goroutines and waits for them. The process has ended, so that the
// pipe has an end or a deadline, unless it is abandoned.
func (q *lineQueue) release(abandoned bool) {
	q.once.Do(func() { close(q.released) })
	if abandoned {
		_ = q.pipe.Close()
	}
	<-q.readEnd
	<-q.sendEnd
}

// failure tells why reading ended early, if it did. The answer is final once the
// lines are at their end.
func (q *lineQueue) failure() error {
	select {
	case <-q.readEnd:
		return q.err
	default:
		return nil
	}
}
