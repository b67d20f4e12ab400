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

// session is one run.
type session struct {
	client *client.Client
	out    *writer
	lang   client.Lang
	// sending has a token for each message that is not durable yet.
	sending chan struct{}
}

// maxSending is how many messages may be on their way into the outbox.
const maxSending = 256

// Run drives c by the lines of in and tells its events as lines on out, until
// "quit", the end of in, or the client's own end. Words in them are of the language.
// It calls c.Run itself. The error says why the client ended; nil after quit and after the end of in.
//
// When the client ends by itself while in still waits for a line, Run returns
// without waiting for that line; the goroutine that reads it ends with in.
func Run(ctx context.Context, in io.Reader, out io.Writer, c *client.Client, lang client.Lang) error {
	s := &session{client: c, lang: lang, out: &writer{w: bufio.NewWriter(out)}, sending: make(chan struct{}, maxSending)}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	told := make(chan struct{})
	go func() {
		defer close(told)
		for e := range c.Events() {
			if line := translate(e, lang); line != nil {
				s.out.write(line)
			}
		}
	}()
	input := make(chan error, 1)
	go func() { input <- s.read(ctx, in) }()
	select {
	case err := <-input:
		s.settle()
		_ = c.Close()
		<-ended
		<-told
		return errors.Join(err, s.out.failed())
	case err := <-ended:
		<-told
		return errors.Join(err, s.out.failed())
	}
}

// read performs commands until there are no more. They are done one after another,
// so what the application sends keeps its order.
func (s *session) read(ctx context.Context, in io.Reader) error {
	r := bufio.NewReaderSize(in, 64<<10)
	for {
		line, tooLong, err := readLine(r)
		switch {
		case tooLong:
			s.out.write(Error{Event: "error", Message: fmt.Sprintf("a line is longer than %d bytes", MaxLine)})
		case len(bytes.TrimSpace(line)) > 0:
			if s.line(ctx, line) {
				return nil
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if s.out.failed() != nil {
			return nil // nobody listens any more
		}
	}
}

// line performs one command and reports whether it was quit.
func (s *session) line(ctx context.Context, line []byte) bool {
	c, err := decode(line)
	if err != nil {
		s.out.write(Error{Event: "error", Message: err.Error()})
		return false
	}
	quit, err := s.perform(ctx, c)
	if err != nil {
		s.fail(c, err)
	}
	return quit
}

func (s *session) fail(c command, err error) {
	s.out.write(Error{Event: "error", Cmd: c.Cmd, ID: c.ID, Message: err.Error()})
}

// settle waits until every message that was handed over is in the outbox, or the
// client has ended.
func (s *session) settle() {
	for range maxSending {
		select {
		case s.sending <- struct{}{}:
		case <-s.client.Done():
			return
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
