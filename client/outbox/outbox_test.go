package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"godwit/client/cache"
	"godwit/client/cache/memory"
	"godwit/client/outbox"
	"godwit/jid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	alice = jid.MustParse("alice@example.org")
	bob   = jid.MustParse("bob@example.org")
	ctx   = context.Background()
	now   = time.Unix(1_000_000, 0)
)

// flaky is a cache whose commits can be made to fail.
type flaky struct {
	*memory.Cache
	mu      sync.Mutex
	refuse  error // Commit itself fails
	fail    error // done is told this
	commits int
	gate    chan struct{} // when set, each commit waits for it
}

func (f *flaky) Commit(b cache.Batch, done func(cache.Result, error)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.commits++
	if f.refuse != nil {
		return f.refuse
	}
	if err := f.fail; err != nil {
		go done(cache.Result{}, err)
		return nil
	}
	if f.gate == nil {
		return f.Cache.Commit(b, done)
	}
	gate := f.gate
	return f.Cache.Commit(b, func(r cache.Result, err error) { <-gate; done(r, err) })
}

func (f *flaky) set(refuse, fail error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuse, f.fail = refuse, fail
}

func newStore(t *testing.T) *flaky {
	s := &flaky{Cache: memory.New()}
	t.Cleanup(func() { s.Close() })
	return s
}

func open(t *testing.T, s outbox.Store, cfg outbox.Config) (*outbox.Outbox, []outbox.Queued) {
	t.Helper()
	o, left, err := outbox.Open(ctx, s, alice, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return o, left
}

func message(id string) outbox.Message {
	return outbox.Message{Chat: bob, OriginID: id, Time: now, Body: "hi", Stanza: func(id string) ([]byte, error) { return []byte("<message id='" + id + "'/>"), nil }}
}

func put(t *testing.T, o *outbox.Outbox, m outbox.Message) (outbox.Queued, error) {
	t.Helper()
	type result struct {
		q   outbox.Queued
		err error
	}
	ch := make(chan result, 1)
	if err := o.Put(m, func(q outbox.Queued, err error) { ch <- result{q, err} }); err != nil {
		return outbox.Queued{}, err
	}
	r := <-ch
	return r.q, r.err
}

func mustPut(t *testing.T, o *outbox.Outbox, id string) outbox.Queued {
	t.Helper()
	q, err := put(t, o, message(id))
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func flush(t *testing.T, o *outbox.Outbox) {
	t.Helper()
	if err := o.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}

func state(t *testing.T, s *flaky, id string) cache.State {
	t.Helper()
	m, err := s.Message(ctx, alice, id)
	if err != nil {
		t.Fatal(err)
	}
	return m.State
}

func TestSurvivesARestartInOrder(t *testing.T) {
	s := newStore(t)
	o, left := open(t, s, outbox.Config{})
	if len(left) != 0 {
		t.Fatal(left)
	}
	var ids []string
	for i := range 1200 { // more than one page
		ids = append(ids, mustPut(t, o, fmt.Sprint("m", i)).OriginID)
	}
	o.Sent("m3", "server")
	o.Sent("m4", "direct")
	o.Delivered("m4", "direct")
	o.Settled("m4")
	o.Failed("m5", "no such user")
	o.Settled("m5")
	flush(t, o)
	_, left = open(t, s, outbox.Config{})
	var got []string
	for i, q := range left {
		if i > 0 && left[i-1].Seq >= q.Seq {
			t.Fatal("not in the sender's order")
		}
		if q.Sent != (q.OriginID == "m3") || q.Chat != bob {
			t.Fatalf("%+v", q)
		}
		got = append(got, q.OriginID)
	}
	want := strings.Join(append(ids[:4:4], ids[6:]...), " ")
	if strings.Join(got, " ") != want {
		t.Fatalf("left %v", got)
	}
	for id, want := range map[string]cache.State{"m2": cache.StateQueued, "m3": cache.StateSent, "m4": cache.StateDelivered, "m5": cache.StateFailed} {
		if got := state(t, s, id); got != want {
			t.Errorf("%s has state %d in the history, want %d", id, got, want)
		}
	}
}

func TestRefusals(t *testing.T) {
	s := newStore(t)
	o, _ := open(t, s, outbox.Config{Messages: 2, MessageBytes: 100})
	mustPut(t, o, "m1")
	full := message("m9")
	full.Chat = jid.MustParse("bob@example.org/x")
	bad := message("m9")
	bad.Stanza = func(string) ([]byte, error) { return nil, errors.New("no body") }
	big := message("m9")
	big.Stanza = func(string) ([]byte, error) { return make([]byte, 101), nil }
	lost := message("m9")
	lost.Route = "pigeon"
	for why, c := range map[string]struct {
		m   outbox.Message
		err error
	}{
		"an id that is in the outbox": {message("m1"), outbox.ErrIDUsed},
		"an id that is too long":      {message(strings.Repeat("x", outbox.MaxIDBytes+1)), outbox.ErrInvalid},
		"a full address":              {full, outbox.ErrInvalid},
		"a stanza that fails":         {bad, outbox.ErrInvalid},
		"a stanza too large":          {big, outbox.ErrTooBig},
		"an unknown route":            {lost, outbox.ErrInvalid},
	} {
		if _, err := put(t, o, c.m); !errors.Is(err, c.err) {
			t.Errorf("%s: %v", why, err)
		}
	}
	mustPut(t, o, "m2")
	if _, err := put(t, o, message("m3")); !errors.Is(err, outbox.ErrFull) {
		t.Errorf("a full outbox: %v", err)
	}
	o.Sent("m1", "server") // what the server has does not count
	mustPut(t, o, "m3")
	o.Settled("m1")
	flush(t, o)
	if _, err := put(t, o, message("m1")); !errors.Is(err, outbox.ErrFull) {
		t.Errorf("m2 and m3 still wait: %v", err)
	}
	o.Settled("m2")
	if _, err := put(t, o, message("m1")); !errors.Is(err, outbox.ErrIDUsed) {
		t.Errorf("an id used long ago: %v", err)
	}
	mustPut(t, o, "m4") // and the refused one took no room
}

func TestMakesIDs(t *testing.T) {
	o, _ := open(t, newStore(t), outbox.Config{})
	a, b := mustPut(t, o, ""), mustPut(t, o, "")
	if a.OriginID == b.OriginID || len(a.OriginID) < 22 {
		t.Fatalf("%q and %q", a.OriginID, b.OriginID)
	}
	stanza, err := o.Stanza(ctx, a.OriginID)
	if err != nil || string(stanza) != "<message id='"+a.OriginID+"'/>" {
		t.Fatalf("%s %v", stanza, err)
	}
}

func TestStanzaIsFoundWhereverItIs(t *testing.T) {
	s := newStore(t)
	o, _ := open(t, s, outbox.Config{MemoryBytes: 20, Unconfirmed: 1}) // room for none
	for _, id := range []string{"m1", "m2", "m3"} {
		mustPut(t, o, id)
		o.Sent(id, "server")
	}
	flush(t, o)
	if _, err := s.OutboxRecord(ctx, "m1"); !errors.Is(err, cache.ErrNotFound) {
		t.Fatalf("m1 should have left the outbox for the history: %v", err)
	}
	for _, id := range []string{"m1", "m3"} {
		if b, err := o.Stanza(ctx, id); err != nil || string(b) != "<message id='"+id+"'/>" {
			t.Errorf("%s: %q %v", id, b, err)
		}
	}
	if _, err := o.Stanza(ctx, "m4"); !errors.Is(err, outbox.ErrUnknown) {
		t.Errorf("unknown: %v", err)
	}
	if waiting, bytes, unconfirmed := o.Size(); waiting != 0 || bytes != 0 || unconfirmed != 1 {
		t.Errorf("%d waiting of %d bytes, %d unconfirmed", waiting, bytes, unconfirmed)
	}
}

func TestBurstOfProgressIsFewWrites(t *testing.T) {
	s := newStore(t)
	o, _ := open(t, s, outbox.Config{})
	for i := range 100 {
		mustPut(t, o, fmt.Sprint("m", i))
	}
	gate := make(chan struct{})
	s.mu.Lock()
	s.gate, s.commits = gate, 0
	s.mu.Unlock()
	for i := range 100 {
		id := fmt.Sprint("m", i)
		o.Sent(id, "direct")
		o.Delivered(id, "direct")
		o.Settled(id)
	}
	close(gate)
	flush(t, o)
	if s.commits > 2 {
		t.Fatalf("%d writes", s.commits)
	}
	if size, err := s.Outbox(ctx, 0); err != nil || len(size) != 0 {
		t.Fatalf("%d left, %v", len(size), err)
	}
	if got := state(t, s, "m0"); got != cache.StateDelivered {
		t.Fatalf("state %d", got)
	}
}

func TestFailedWritesAreToldAndTriedAgain(t *testing.T) {
	s := newStore(t)
	told := make(chan error, 10)
	o, _ := open(t, s, outbox.Config{OnError: func(err error) { told <- err }})
	mustPut(t, o, "m1")
	s.set(nil, cache.ErrFull)
	if _, err := put(t, o, message("m2")); !errors.Is(err, cache.ErrFull) {
		t.Fatalf("a message that is not on disk was accepted: %v", err)
	}
	o.Sent("m1", "server")
	if err := <-told; !errors.Is(err, cache.ErrFull) {
		t.Fatal(err)
	}
	if err := o.Flush(ctx); !errors.Is(err, cache.ErrFull) {
		t.Fatalf("flush: %v", err)
	}
	s.set(cache.ErrBusy, nil)
	o.Delivered("m1", "server")
	s.set(nil, nil)
	flush(t, o)
	if got := state(t, s, "m1"); got != cache.StateDelivered {
		t.Fatalf("state %d", got)
	}
	mustPut(t, o, "m2") // its id was not used up
	if waiting, _, _ := o.Size(); waiting != 1 {
		t.Fatalf("%d waiting", waiting)
	}
}

func TestFlushEndsWithItsContext(t *testing.T) {
	s := newStore(t)
	o, _ := open(t, s, outbox.Config{})
	mustPut(t, o, "m1")
	gate := make(chan struct{})
	s.mu.Lock()
	s.gate = gate
	s.mu.Unlock()
	o.Settled("m1")
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	if err := o.Flush(stopped); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	close(gate)
	flush(t, o)
}

// TestTogether is for the race detector.
func TestTogether(t *testing.T) {
	o, _ := open(t, newStore(t), outbox.Config{})
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 50 {
				id := fmt.Sprint(w, "-", i)
				mustPut(t, o, id)
				o.Sent(id, "server")
				if _, err := o.Stanza(ctx, id); err != nil {
					t.Error(err)
				}
				o.Delivered(id, "server")
				o.Settled(id)
			}
		})
	}
	wg.Wait()
	flush(t, o)
	if waiting, bytes, unconfirmed := o.Size(); waiting != 0 || bytes != 0 || unconfirmed != 0 {
		t.Fatalf("%d waiting of %d bytes, %d unconfirmed", waiting, bytes, unconfirmed)
	}
}
