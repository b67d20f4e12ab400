package xmlstream

import (
	"strings"
	"testing"
)

func TestDropSpace(t *testing.T) {
	const head = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'><a xmlns='x'/>"
	for _, c := range []struct {
		why, tail string
		left      int
	}{
		{"nothing follows", "", 0},
		{"a newline is harmless", "\r\n\t ", 0},
		{"an element after a newline is not", "\n<iq/>", 5},
	} {
		r := NewReader(strings.NewReader(head+c.tail), DefaultLimits())
		for range 2 {
			if _, err := r.Next(); err != nil {
				t.Fatal(err)
			}
		}
		if got := r.DropSpace(); got != c.left || r.Buffered() != c.left {
			t.Errorf("%s: %d bytes left, want %d", c.why, got, c.left)
		}
	}
}
