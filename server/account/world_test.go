package account_test

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"godwit/bus"
	"godwit/bus/local"
	"godwit/jid"
	"godwit/sasl"
	"godwit/server/account"
	"godwit/server/deliver"
	"godwit/server/handler"
	"godwit/stanza"
	"godwit/store"
	"godwit/store/memory"
	"godwit/stream"
	"godwit/xmlstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// outlet is the stream of a session, as a session sees it. mu guards all of it.
type outlet struct {
	mu      sync.Mutex
	managed *stream.Management // nil: no acknowledgements
	got     []stream.Sent
	arrived chan struct{} // gets a value, if there is room, for every stanza
	fail    error         // what sending fails with
	queued  int
	asked   int
	aborted bool
	closed  error
}

func newOutlet() *outlet { return &outlet{arrived: make(chan struct{}, 10_000)} }

func newManaged(maxBytes int) *outlet {
	o := newOutlet()
	o.managed = stream.NewManagement(maxBytes)
	return o
}

func (o *outlet) SendTagged(st *stanza.Stanza, tag uint64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.fail != nil {
		return o.fail
	}
	s := stream.Sent{Stanza: st, Tag: tag, At: time.Now()}
	if o.managed != nil {
		if err := o.managed.Push(s); err != nil {
			return err
		}
	}
	o.got = append(o.got, s)
	select {
	case o.arrived <- struct{}{}:
	default:
	}
	return nil
}

func (o *outlet) Managed() bool { return o.managed != nil }

func (o *outlet) RequestAck() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked++
	return o.managed != nil
}

func (o *outlet) Unacked() (stanzas, bytes int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.managed == nil {
		return 0, 0
	}
	return o.managed.Len(), o.managed.Bytes()
}

func (o *outlet) Queued() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.queued
}

func (o *outlet) setQueued(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.queued = n
}

func (o *outlet) Detach() *stream.Management {
	o.mu.Lock()
	defer o.mu.Unlock()
	m := o.managed
	o.managed, o.fail = nil, stream.ErrDetached
	return m
}

func (o *outlet) Close(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = err
}

func (o *outlet) Abort() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.aborted = true
}

func (o *outlet) state() (asked int, aborted bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.asked, o.aborted
}

// ack acknowledges everything and returns what that releases.
func (o *outlet) ack() []stream.Sent {
	o.mu.Lock()
	defer o.mu.Unlock()
	sent, err := o.managed.Ack(o.managed.SentCount(), nil)
	if err != nil {
		panic(err)
	}
	return sent
}

// ids are the ids of the messages that came, in order.
func (o *outlet) ids() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var ids []string
	for _, s := range o.got {
		if s.Stanza.Kind == stanza.Message {
			ids = append(ids, s.Stanza.ID)
		}
	}
	return ids
}

func (o *outlet) all() []*stanza.Stanza {
	o.mu.Lock()
	defer o.mu.Unlock()
	var all []*stanza.Stanza
	for _, s := range o.got {
		all = append(all, s.Stanza)
	}
	return all
}

// wait waits until n stanzas have arrived since the last call.
func (o *outlet) wait(t testing.TB, n int) {
	t.Helper()
	for range n {
		select {
		case <-o.arrived:
		case <-t.Context().Done():
			t.Fatal("nothing more came")
		}
	}
}

// world is a registry and a pipeline on a store in memory.
type world struct {
	*account.Registry
	pipe    *deliver.Pipeline
	store   *memory.Store
	archive bool
}

type archiver struct{ w *world }

func (a archiver) Wants(context.Context, jid.JID, jid.JID) bool { return a.w.archive }

type introducer struct{}

func (introducer) Allow(context.Context, jid.JID, jid.JID) *stanza.Error { return nil }

var domain = jid.MustParse("localhost")

func newWorld(t testing.TB, limits account.Limits) *world { return newWorldWith(t, limits, nil) }

func newWorldWith(t testing.TB, limits account.Limits, change func(*account.Config)) *world {
	w := &world{store: memory.New()}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	cfg := account.Config{
		Domain: domain, Accounts: w.store.Accounts(), Rosters: w.store.Roster(), Inbox: w.store.Inbox(), LastSeen: w.store.LastSeen(), Blocklist: w.store.Blocklist(),
		Commits: w.store, Log: log, Limits: limits, Route: func(st *stanza.Stanza) { w.pipe.Route(st) },
	}
	if change != nil {
		change(&cfg)
	}
	w.Registry = account.NewRegistry(cfg)
	w.pipe = deliver.New(deliver.Config{
		Domain: domain, Accounts: w.Registry, Commits: w.store, Archiver: archiver{w}, Introduce: introducer{},
		Handlers: handler.NewTable(log), Bus: local.New(w.Deliver), Answer: func(*account.Session, *stanza.Stanza) {}, Log: log,
	})
	t.Cleanup(func() {
		w.Shutdown()
		w.Quiesce()
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

var keys = sync.OnceValue(func() map[store.Hash]store.Credentials {
	c, err := sasl.Derive(sasl.SHA256, "x", []byte("salt"), sasl.MinIterations)
	if err != nil {
		panic(err)
	}
	return map[store.Hash]store.Credentials{store.Hash(sasl.SHA256): store.Credentials(c)}
})

func (w *world) account(t testing.TB, name string) jid.JID {
	j := jid.MustParse(name + "@localhost")
	if err := w.store.Accounts().Create(t.Context(), store.Account{JID: j, Credentials: keys(), Created: time.Now()}); err != nil {
		t.Fatal(err)
	}
	return j
}

// online joins a session and makes it available.
func (w *world) online(t testing.TB, full string, out account.Outlet, o account.SessionOptions) *account.Session {
	s := w.Join(jid.MustParse(full), out, o)
	w.presence(t, s, "")
	return s
}

func (w *world) presence(t testing.TB, s *account.Session, typ string) {
	t.Helper()
	if bad := w.Broadcast(s, stanza.Build(stanza.Presence, typ, jid.JID{}, s.JID, "", nil), true); bad != nil {
		t.Fatal(bad)
	}
}

func parse(t testing.TB, text string) *stanza.Stanza {
	t.Helper()
	el, err := xmlstream.ParseElement([]byte(text), xmlstream.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	st, err := stanza.FromElement(&el)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func chat(to, from, id string) *stanza.Stanza {
	return stanza.Build(stanza.Message, stanza.Chat, jid.MustParse(to), jid.MustParse(from), id, func(e *xmlstream.Encoder) {
		e.Leaf("jabber:client", "body", "hello "+id)
	})
}

// deliverTo hands a message to an account as the pipeline does.
func (w *world) deliverTo(st *stanza.Stanza, inbox int64) {
	w.Deliver(bus.Envelope{Owner: st.To.Bare(), Stanza: st, Inbox: inbox, Inline: true})
}

// put stores a message in the inbox and returns its id.
func (w *world) put(t testing.TB, st *stanza.Stanza) int64 {
	t.Helper()
	got := make(chan store.Result, 1)
	err := w.store.Commit(store.Batch{Inbox: []store.InboxAdd{w.InboxAdd(st, time.Now())}}, func(r store.Result, err error) {
		if err != nil {
			t.Error(err)
		}
		got <- r
	})
	if err != nil {
		t.Fatal(err)
	}
	return (<-got).Inbox[0]
}
