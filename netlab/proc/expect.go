package proc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrEnded is returned by Await when the output ended without the line.
var ErrEnded = errors.New("the output ended")

// Is matches exactly this line.
func Is(line string) func(string) bool { return func(s string) bool { return s == line } }

// Prefix matches lines that begin with prefix.
func Prefix(prefix string) func(string) bool {
	return func(s string) bool { return strings.HasPrefix(s, prefix) }
}

// Contains matches lines that hold part.
func Contains(part string) func(string) bool {
	return func(s string) bool { return strings.Contains(s, part) }
}

// Await takes lines of standard output until one matches, and returns it; the
// lines before it are gone. The error is ctx's, or ErrEnded.
func (p *Process) Await(ctx context.Context, match func(string) bool) (string, error) {
	for {
		select {
		case line, ok := <-p.Lines():
			if !ok {
				return "", fmt.Errorf("%s: %w", p.name, ErrEnded)
			}
			if match(line) {
				return line, nil
			}
		case <-ctx.Done():
			return "", fmt.Errorf("%s: %w", p.name, context.Cause(ctx))
		}
	}
}

// Expect is Await for tests: it ends the test, naming what was awaited, if no
// line matches within the time given.
func (p *Process) Expect(within time.Duration, what string, match func(string) bool) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeoutCause(context.Background(), within, fmt.Errorf("nothing within %v", within))
	defer cancel()
	line, err := p.Await(ctx, match)
	if err != nil {
		p.t.Fatalf("waiting for %s: %v", what, err)
	}
	return line
}
