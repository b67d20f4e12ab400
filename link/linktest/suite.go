package linktest

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"godwit/link"
	"godwit/xmlstream"
)

// Maker connects two links; the first dialled, the second was accepted. Both
// have the limits of an authenticated peer. Whatever else it made must end by
// t.Cleanup; the links themselves are ended by the suite.
type Maker func(t testing.TB, o Options) (dialled, accepted link.Link)

// limit ends a test that hangs, without being a measure of anything.
const limit = 30 * time.Second

// Run holds the links of a transport to the contract of package link.
func Run(t *testing.T, connect Maker) {
	tests := []struct {
		name string
		o    Options
		f    func(t *testing.T, a, b link.Link)
	}{
		{"headers and restart", Options{}, headers},
		{"elements keep their order", Options{}, order},
		{"concurrent senders do not mix", Options{}, concurrent},
		{"a large element", Options{MaxQueued: 1 << 20}, large},
		{"close delivers all that was queued", Options{}, closing},
		{"close from both ends at once", Options{}, closeBoth},
		{"abort cuts", Options{}, abort},
		{"a slow peer overflows the queue and never blocks", Options{MaxQueued: 64 << 10, WriteTimeout: time.Minute}, overflow},
		{"a dead peer is noticed", Options{MaxQueued: 64 << 20, WriteTimeout: 100 * time.Millisecond}, deadPeer},
		{"close does not wait for a dead peer", Options{MaxQueued: 64 << 20, CloseTimeout: 100 * time.Millisecond}, closeDead},
		{"refused input leaves the link able to speak", Options{}, refused},
		{"limits", Options{}, limits},
		{"quality", Options{}, quality},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ignore := goleak.IgnoreCurrent()
			a, b := connect(t, tt.o)
			watchdog := time.AfterFunc(limit, func() {
				t.Errorf("not finished after %v", limit)
				a.Abort()
				b.Abort()
			})
			tt.f(t, a, b)
			a.Abort()
			b.Abort()
			<-a.Done()
			<-b.Done()
			watchdog.Stop()
			goleak.VerifyNone(t, ignore)
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// open exchanges headers.
func open(t *testing.T, a, b link.Link) {
	t.Helper()
	must(t, a.Open(link.Header{To: "b.example", Version: "1.0"}))
	must(t, b.Open(link.Header{From: "b.example", ID: "1", Version: "1.0"}))
	for _, l := range []link.Link{a, b} {
		if f, err := l.Read(); err != nil || f.Kind != link.Open {
			t.Fatalf("read %v, %v instead of a header", f.Kind, err)
		}
	}
}

// message is an element with a body, as l frames it.
func message(l link.Link, body string) []byte {
	return xmlstream.NewEncoder(nil, l.InheritedNS()).
		Start("jabber:client", "message").Leaf("jabber:client", "body", body).End().Bytes()
}

func readElement(l link.Link) (body string, err error) {
	f, err := l.Read()
	if err != nil {
		return "", err
	}
	if f.Kind != link.Element {
		return "", fmt.Errorf("read a frame of kind %v", f.Kind)
	}
	n, err := f.Element.Tree()
	if err != nil {
		return "", err
	}
	if n.Name != (xmlstream.Name{Space: "jabber:client", Local: "message"}) {
		return "", fmt.Errorf("read <%s/>", n.Name)
	}
	c, _ := n.Child("jabber:client", "body")
	return c.InnerText(), nil
}

func headers(t *testing.T, a, b link.Link) {
	sent := link.Header{To: "b.example", From: "a@b.example/'<&", Version: "1.0", Lang: "zh-CN"}
	for round := range 2 {
		must(t, a.Open(sent))
		f, err := b.Read()
		if err != nil || f.Kind != link.Open {
			t.Fatalf("round %d: read %v, %v", round, f.Kind, err)
		}
		if f.Header != sent {
			t.Errorf("round %d: header arrived as %+v", round, f.Header)
		}
		back := link.Header{From: "b.example", ID: "x'y", Version: "1.0"}
		must(t, b.Open(back))
		if f, err = a.Read(); err != nil || f.Header != back {
			t.Fatalf("round %d: answer %+v, %v", round, f.Header, err)
		}
		must(t, a.Send(message(a, "hello")))
		if s, err := readElement(b); err != nil || s != "hello" {
			t.Fatalf("round %d: %q, %v", round, s, err)
		}
		must(t, a.Restart())
		must(t, b.Restart())
	}
}

func order(t *testing.T, a, b link.Link) {
	open(t, a, b)
	const n = 5000
	for _, dir := range [][2]link.Link{{a, b}, {b, a}} {
		from, to := dir[0], dir[1]
		window := make(chan struct{}, 100)
		go func() {
			for i := range n {
				window <- struct{}{} // stay below the bound of the queue
				if err := from.Send(message(from, fmt.Sprint(i))); err != nil {
					t.Error(err)
					from.Abort()
					return
				}
			}
		}()
		for i := range n {
			s, err := readElement(to)
			if err != nil || s != fmt.Sprint(i) {
				t.Fatalf("element %d is %q, %v", i, s, err)
			}
			<-window
		}
	}
}

func concurrent(t *testing.T, a, b link.Link) {
	open(t, a, b)
	const senders, each = 8, 200
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for i := range each {
				if err := a.Send(message(a, fmt.Sprintf("%d %d", s, i))); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	var next [senders]int
	for range senders * each {
		body, err := readElement(b)
		var s, i int
		if _, scan := fmt.Sscan(body, &s, &i); err != nil || scan != nil || s < 0 || s >= senders {
			t.Fatalf("read %q, %v", body, err)
		}
		if i != next[s] {
			t.Fatalf("sender %d: element %d came instead of %d", s, i, next[s])
		}
		next[s]++
	}
	wg.Wait()
}

func large(t *testing.T, a, b link.Link) {
	open(t, a, b)
	body := strings.Repeat("0123456789abcdef", 200<<10/16)
	for range 3 {
		must(t, a.Send(message(a, body)))
		must(t, b.Send(message(b, body)))
		for _, l := range []link.Link{a, b} {
			if s, err := readElement(l); err != nil || s != body {
				t.Fatalf("%d bytes arrived of %d, %v", len(s), len(body), err)
			}
		}
	}
}

func closing(t *testing.T, a, b link.Link) {
	open(t, a, b)
	const n = 500
	// Something from the other side lies unread in a's socket: closing must
	// not lose the last words because of it.
	must(t, b.Send(message(b, "unread")))
	for i := range n {
		must(t, a.Send(message(a, fmt.Sprint(i))))
	}
	must(t, a.Close(message(a, "last words")))
	must(t, a.Close(message(a, "twice")))
	if err := a.Send(message(a, "too late")); !errors.Is(err, link.ErrClosed) {
		t.Errorf("send after close: %v", err)
	}
	for i := range n + 1 {
		want := fmt.Sprint(i)
		if i == n {
			want = "last words"
		}
		if s, err := readElement(b); err != nil || s != want {
			t.Fatalf("element %d is %q, %v", i, s, err)
		}
	}
	if f, err := b.Read(); err != nil || f.Kind != link.Close {
		t.Fatalf("read %v, %v instead of the end", f.Kind, err)
	}
	if _, err := b.Read(); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v", err)
	}
	if _, err := a.Read(); !errors.Is(err, link.ErrClosed) {
		t.Errorf("the closer reads %v", err)
	}
	must(t, b.Close(nil))
	<-a.Done()
	<-b.Done()
}

func closeBoth(t *testing.T, a, b link.Link) {
	open(t, a, b)
	var wg sync.WaitGroup
	for _, l := range []link.Link{a, b} {
		wg.Go(func() {
			for {
				if _, err := l.Read(); err != nil {
					return
				}
			}
		})
	}
	wg.Go(func() { a.Close(nil) })
	wg.Go(func() { b.Close(nil) })
	wg.Wait()
	<-a.Done()
	<-b.Done()
}

func abort(t *testing.T, a, b link.Link) {
	open(t, a, b)
	own := make(chan error)
	go func() {
		_, err := a.Read()
		own <- err
	}()
	a.Abort()
	if err := <-own; !errors.Is(err, link.ErrClosed) {
		t.Errorf("the aborting end reads %v", err)
	}
	// A cut is never mistaken for a regular end.
	f, err := b.Read()
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, link.ErrClosed) {
		t.Errorf("the peer reads %v, %v", f.Kind, err)
	}
	if err := a.Send(message(a, "x")); !errors.Is(err, link.ErrClosed) {
		t.Errorf("send after abort: %v", err)
	}
	must(t, a.Close(nil))
}

// fill sends to a peer that does not read until the link ends.
func fill(t *testing.T, l link.Link, most int) error {
	t.Helper()
	m := message(l, strings.Repeat("x", 4000))
	for sent := 0; sent < most; sent += len(m) {
		if err := l.Send(m); err != nil {
			return err
		}
	}
	return nil
}

func overflow(t *testing.T, a, b link.Link) {
	open(t, a, b)
	// What the transport itself buffers comes on top of the queue's bound.
	if err := fill(t, a, 64<<20); !errors.Is(err, link.ErrOverflow) {
		t.Fatalf("sending without end to a peer that does not read: %v", err)
	}
	if _, err := a.Read(); !errors.Is(err, link.ErrOverflow) {
		t.Errorf("read: %v", err)
	}
	if err := a.Send(message(a, "x")); !errors.Is(err, link.ErrOverflow) {
		t.Errorf("send: %v", err)
	}
	<-a.Done()
	if n := a.Queued(); n != 0 {
		t.Errorf("%d bytes are still queued on a link that ended", n)
	}
}

func deadPeer(t *testing.T, a, b link.Link) {
	open(t, a, b)
	if err := fill(t, a, 32<<20); err != nil && !errors.Is(err, link.ErrWriteTimeout) {
		t.Fatal(err)
	}
	if _, err := a.Read(); !errors.Is(err, link.ErrWriteTimeout) {
		t.Errorf("read: %v", err)
	}
	<-a.Done()
}

func closeDead(t *testing.T, a, b link.Link) {
	open(t, a, b)
	must(t, fill(t, a, 32<<20))
	must(t, a.Close(nil))
	<-a.Done() // b never reads
}

func refused(t *testing.T, a, b link.Link) {
	open(t, a, b)
	must(t, a.Send([]byte("<a></b>")))
	var bad *xmlstream.Error
	if _, err := b.Read(); !errors.As(err, &bad) || bad.Condition != xmlstream.NotWellFormed {
		t.Fatalf("read: %v", err)
	}
	must(t, b.Close(message(b, "that was wrong")))
	if s, err := readElement(a); err != nil || s != "that was wrong" {
		t.Fatalf("read %q, %v", s, err)
	}
	if f, err := a.Read(); err != nil || f.Kind != link.Close {
		t.Fatalf("read %v, %v", f.Kind, err)
	}
}

func limits(t *testing.T, a, b link.Link) {
	open(t, a, b)
	b.SetLimits(xmlstream.PreAuthLimits())
	must(t, a.Send(message(a, strings.Repeat("x", 9<<10))))
	if _, err := readElement(b); err != nil {
		t.Fatalf("below the limit: %v", err)
	}
	must(t, a.Send(message(a, strings.Repeat("x", 11<<10))))
	var bad *xmlstream.Error
	if _, err := readElement(b); !errors.As(err, &bad) || bad.Condition != xmlstream.PolicyViolation {
		t.Fatalf("above the limit: %v", err)
	}
}

func quality(t *testing.T, a, b link.Link) {
	if q := a.Quality(); q.BytesIn == 0 && !q.LastHeard.IsZero() {
		t.Error("heard something before anything was said")
	}
	open(t, a, b)
	before := time.Now()
	must(t, a.Send(message(a, "x")))
	if _, err := readElement(b); err != nil {
		t.Fatal(err)
	}
	q := b.Quality()
	if q.LastHeard.Before(before.Add(-time.Second)) || q.BytesIn == 0 || q.BytesOut == 0 {
		t.Errorf("quality %+v", q)
	}
	if a.Quality().BytesOut < q.BytesIn {
		t.Errorf("sent %d bytes, %d arrived", a.Quality().BytesOut, q.BytesIn)
	}
	must(t, a.Close(nil))
	if f, err := b.Read(); err != nil || f.Kind != link.Close {
		t.Fatalf("read %v, %v", f.Kind, err)
	}
	must(t, b.Close(nil))
	<-a.Done()
	if a.Queued() != 0 {
		t.Error("something is still queued on a link that ended")
	}
}
