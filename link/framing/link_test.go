package framing_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"godwit/link"
	"godwit/link/framing"
	"godwit/link/linktest"
	"godwit/xmlstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func config(o linktest.Options) framing.Config {
	c := o.Config()
	return framing.Config{
		Kind: link.Memory, Local: c.Local, Remote: c.Remote, Limits: c.Limits,
		MaxQueued: o.MaxQueued, WriteTimeout: o.WriteTimeout, CloseTimeout: o.CloseTimeout,
	}
}

func TestConformance(t *testing.T) {
	linktest.Run(t, func(t testing.TB, o linktest.Options) (link.Link, link.Link) {
		return linktest.Messages(o)
	})
}

// limit ends a test that hangs, without being a measure of anything.
const limit = 30 * time.Second

// end ends links and waits until nothing of them is left.
func end(t *testing.T, links ...*framing.Link) {
	t.Helper()
	for _, l := range links {
		l.Abort()
		select {
		case <-l.Done():
		case <-time.After(limit):
			t.Fatal("a link does not end")
		}
	}
}

// A message larger than the other side takes never leaves, and says so.
func TestTooLargeForTheOtherSide(t *testing.T) {
	x, y := linktest.MessageConns()
	c := config(linktest.Options{})
	c.MaxMessage = 100
	a, b := framing.New(x, c), framing.New(y, c)
	defer end(t, a, b)
	if err := a.Send([]byte("<message xmlns='jabber:client'>" + strings.Repeat("x", 100) + "</message>")); !errors.Is(err, framing.ErrTooLarge) {
		t.Errorf("send: %v", err)
	}
	if _, err := b.Read(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the other side reads %v", err)
	}
}

// What is larger than a stanza may be is not held, and the link can still say why.
func TestTooLongIsRefusedAndTold(t *testing.T) {
	x, y := linktest.MessageConns()
	c := config(linktest.Options{})
	c.Limits = nil // those before signing in
	a, b := framing.New(x, c), framing.New(y, c)
	defer end(t, a, b)
	a.Open(link.Header{To: "b.example", Version: "1.0"})
	a.Send([]byte("<message xmlns='jabber:client'>" + strings.Repeat("x", 11<<10) + "</message>"))
	b.Open(link.Header{From: "b.example", Version: "1.0"})
	if f, err := b.Read(); err != nil || f.Kind != link.Open {
		t.Fatal(f, err)
	}
	var refused *xmlstream.Error
	if _, err := b.Read(); !errors.As(err, &refused) || refused.Condition != xmlstream.PolicyViolation {
		t.Fatalf("read: %v", err)
	}
	b.Close([]byte("<why/>"))
	for _, want := range []link.FrameKind{link.Open, link.Element, link.Close} {
		if f, err := a.Read(); err != nil || f.Kind != want {
			t.Fatalf("%v, %v instead of %v", f.Kind, err, want)
		}
	}
}

// Both ends say <close/>; only then is the carrier closed (RFC 7395 §3.6).
func TestClosingWaitsForTheOtherSide(t *testing.T) {
	x, y := linktest.MessageConns()
	a, b := framing.New(x, config(linktest.Options{CloseTimeout: time.Hour})), framing.New(y, config(linktest.Options{CloseTimeout: time.Hour}))
	a.Open(link.Header{To: "b.example"})
	b.Open(link.Header{From: "b.example"})
	a.Close(nil)
	for _, want := range []link.FrameKind{link.Open, link.Close} {
		if f, err := b.Read(); err != nil || f.Kind != want {
			t.Fatalf("%v, %v instead of %v", f.Kind, err, want)
		}
	}
	select {
	case <-x.Closed():
		t.Fatal("closed before the answer")
	case <-a.Done():
		t.Fatal("ended before the answer")
	default:
	}
	b.Close(nil)
	for _, l := range []*framing.Link{a, b} {
		select {
		case <-l.Done():
		case <-time.After(limit):
			t.Fatal("not over after both said so")
		}
	}
}

func TestDeadCarrierIsNoticedByPing(t *testing.T) {
	x, _ := linktest.MessageConns()
	a := framing.New(x, config(linktest.Options{}))
	before := time.Now()
	if q := a.Quality(); !q.LastHeard.IsZero() {
		t.Errorf("heard at %v", q.LastHeard)
	}
	a.Heard()
	if q := a.Quality(); q.LastHeard.Before(before) {
		t.Errorf("heard at %v", q.LastHeard)
	}
	gone := errors.New("no answer to a ping")
	a.End(gone)
	if _, err := a.Read(); !errors.Is(err, gone) {
		t.Errorf("read: %v", err)
	}
	if err := a.Send([]byte("<a/>")); !errors.Is(err, gone) {
		t.Errorf("send: %v", err)
	}
	<-a.Done()
}
