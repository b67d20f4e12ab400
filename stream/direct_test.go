package stream_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"godwit/jid"
	"godwit/link"
	"godwit/link/linktest"
	"godwit/stream"
)

var (
	aliceX = jid.MustParse("alice@b.example/x")
	bobY   = jid.MustParse("bob@c.example/y")
)

func direct(t testing.TB, ca, cb stream.DirectConfig) (a, b *stream.Stream, aErr, bErr error) {
	t.Helper()
	x, y := linktest.Pipe(linktest.Options{})
	var wg sync.WaitGroup
	wg.Go(func() { b, bErr = stream.Direct(context.Background(), y, cb) })
	a, aErr = stream.Direct(context.Background(), x, ca)
	wg.Wait()
	t.Cleanup(func() {
		for _, l := range []link.Link{x, y} {
			l.Abort()
			<-l.Done()
		}
	})
	return a, b, aErr, bErr
}

func TestDirect(t *testing.T) {
	a, b, err1, err2 := direct(t, stream.DirectConfig{Local: aliceX, Remote: bobY, Initiator: true},
		stream.DirectConfig{Local: bobY, Remote: aliceX})
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if a.Peer().JID != bobY || b.Peer().JID != aliceX || !a.Managed() || !b.Managed() {
		t.Errorf("%+v %+v", a.Peer(), b.Peer())
	}
	fromA, endB := pump(b)
	fromB, _ := pump(a)
	const n = 1000
	for i := range n {
		if err := a.SendTagged(message(fmt.Sprint(i)), uint64(i)); err != nil {
			t.Fatal(err)
		}
	}
	a.RequestAck()
	for i := range n {
		ev := <-fromA
		if ev.Kind != stream.StanzaEvent || ev.Stanza.Body() != fmt.Sprint(i) {
			t.Fatalf("stanza %d is %+v", i, ev)
		}
		b.Handled(ev.Seq)
	}
	for tag := uint64(0); tag < n; {
		for _, s := range (<-fromB).Acked {
			if s.Tag != tag {
				t.Fatalf("acknowledged %d instead of %d", s.Tag, tag)
			}
			tag++
		}
	}
	// An idle probe is answered although nothing is new.
	a.RequestAck()
	for {
		if n, _ := a.Unacked(); (<-fromB).Kind == stream.AckedEvent && n == 0 {
			break
		}
	}
	a.Close(nil)
	if err := <-endB; !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

// Only the two that were introduced, in their roles.
func TestDirectRefusesOthers(t *testing.T) {
	mallory := jid.MustParse("mallory@c.example/y")
	for _, tt := range []struct {
		name string
		a, b stream.DirectConfig
	}{
		{"another initiator", stream.DirectConfig{Local: mallory, Remote: bobY, Initiator: true}, stream.DirectConfig{Local: bobY, Remote: aliceX}},
		{"another resource", stream.DirectConfig{Local: aliceX, Remote: jid.MustParse("bob@c.example/z"), Initiator: true}, stream.DirectConfig{Local: bobY, Remote: aliceX}},
		{"no full address", stream.DirectConfig{Local: aliceX, Remote: bobY.Bare(), Initiator: true}, stream.DirectConfig{Local: bobY, Remote: aliceX}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b, err1, err2 := direct(t, tt.a, tt.b)
			if err1 == nil || err2 == nil || a != nil || b != nil {
				t.Errorf("%v, %v", err1, err2)
			}
		})
	}
}
