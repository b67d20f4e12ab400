// Package bustest is the conformance suite of package bus. Every implementation runs it. Shipped code never imports it.
package bustest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"godwit/bus"
	"godwit/jid"
	"godwit/stanza"
)

// Run checks the bus that open makes. open is given the handler of the only node and closes what it opened with t.Cleanup.
func Run(t *testing.T, open func(t *testing.T, h bus.Handler) bus.Bus) {
	t.Run("order per sender and owner", func(t *testing.T) { order(t, open) })
	t.Run("closed", func(t *testing.T) { closed(t, open) })
}

func order(t *testing.T, open func(t *testing.T, h bus.Handler) bus.Bus) {
	const senders, each = 4, 200
	var mu sync.Mutex
	got := map[string][]string{}
	var left sync.WaitGroup
	left.Add(senders * each)
	b := open(t, func(e bus.Envelope) {
		mu.Lock()
		defer mu.Unlock()
		key := e.Owner.String() + " " + e.Stanza.From.String()
		got[key] = append(got[key], e.Stanza.ID)
		left.Done()
	})
	var sending sync.WaitGroup
	for s := range senders {
		sending.Go(func() {
			from := jid.MustParse(fmt.Sprintf("s%d@localhost/r", s))
			for i := range each {
				owner := jid.MustParse(fmt.Sprintf("o%d@localhost", i%3))
				st := stanza.Build(stanza.Message, stanza.Chat, owner, from, fmt.Sprint(i), nil)
				if err := b.Send(bus.Envelope{Owner: owner, Stanza: st}); err != nil {
					t.Error(err)
					left.Done()
				}
			}
		})
	}
	sending.Wait()
	left.Wait()
	if len(got) != senders*3 {
		t.Fatalf("%d pairs of sender and owner, want %d", len(got), senders*3)
	}
	for key, ids := range got {
		for i := 1; i < len(ids); i++ {
			var a, b int
			fmt.Sscan(ids[i-1], &a)
			fmt.Sscan(ids[i], &b)
			if b != a+3 {
				t.Fatalf("%s: %d came after %d", key, b, a)
			}
		}
	}
}

func closed(t *testing.T, open func(t *testing.T, h bus.Handler) bus.Bus) {
	b := open(t, func(bus.Envelope) { t.Error("delivered after Close") })
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.Send(bus.Envelope{Owner: jid.MustParse("a@localhost")}); !errors.Is(err, bus.ErrClosed) {
		t.Fatalf("Send after Close: %v", err)
	}
}
