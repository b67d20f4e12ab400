package headless

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"godwit/client"
)

// MaxLine bounds one line of input, in bytes. A longer one is an error, and
// skipped.
const MaxLine = 1 << 20

// Run drives c by the lines of in and tells its events as lines on out, until
// "quit", the end of in, or the client's own end. Words in them are of the language.
// It calls c.Run itself. The error says why the client ended; nil after quit and after the end of in.
//
// When the client ends by itself while in still waits for a line, Run returns
// without waiting for that line; the goroutine that reads it ends with in.
func Run(ctx context.Context, in io.Reader, out io.Writer, c *client.Client, lang client.Lang) error {
	w := &writer{w: bufio.NewWriter(out)}
	e := NewEngine(c, lang, w.write)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	input := make(chan error, 1)
	go func() { input <- read(ctx, in, e, w) }()
	select {
	case err := <-input:
		e.Settle()
		_ = c.Close()
		<-ended
		return errors.Join(err, w.failed())
	case err := <-ended:
		return errors.Join(err, w.failed())
	}
}

// read performs commands until there are no more. They are done one after another,
// so what the application sends keeps its order.
func read(ctx context.Context, in io.Reader, e *Engine, w *writer) error {
	r := bufio.NewReaderSize(in, 64<<10)
	for {
		line, tooLong, err := readLine(r)
		switch {
		case tooLong:
			w.write(Error{Event: "error", Message: fmt.Sprintf("a line is longer than %d bytes", MaxLine), Code: "invalid"})
		case len(bytes.TrimSpace(line)) > 0:
			if e.Perform(ctx, line) {
				return nil
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if w.failed() != nil {
			return nil // nobody listens any more
		}
	}
}

// readLine reads one line, of which at most MaxLine bytes are kept. The error is
// that of the reader, also beside a last line without an end.
func readLine(r *bufio.Reader) (line []byte, tooLong bool, err error) {
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > MaxLine+1 {
			line, tooLong = nil, true
		}
		if !tooLong {
			line = append(line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, tooLong, err
		}
	}
}

// writer writes lines, whole ones, from any goroutine.
type writer struct {
	mu  sync.Mutex
	w   *bufio.Writer
	err error
}

func (w *writer) write(v any) {
	line, err := json.Marshal(v)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return
	}
	if err == nil {
		_, err = w.w.Write(append(line, '\n'))
	}
	if err == nil {
		err = w.w.Flush()
	}
	w.err = err
}

// failed returns why lines cannot be written any more.
func (w *writer) failed() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}
