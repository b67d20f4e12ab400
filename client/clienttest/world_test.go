package clienttest

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"godwit/client"
	"godwit/client/cache"
	"godwit/client/cache/memory"
	"godwit/jid"
	"godwit/link"
	"godwit/link/linktest"
	"godwit/peer"
	"godwit/server"
	"godwit/store"
	"godwit/store/sqlite"
	"godwit/xep/version"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const password = "correct horse battery staple"

// deadline is generous: nothing is timed, a test that fails fails by it.
const deadline = 20 * time.Second

// world is a server and the wires to it.
type world struct {
	t      *testing.T
	domain jid.JID
	log    *slog.Logger
	config server.Config
	server *server.Server // under mu
	air    *air           // joins direct links

	mu    sync.Mutex
	down  bool
	links map[link.Link]bool // the server's ends
}

type option func(*server.Config)

func newWorld(t *testing.T, options ...option) *world {
	t.Helper()
	level := slog.LevelError
	if os.Getenv("GODWIT_TEST_LOG") != "" {
		level = slog.LevelDebug
	}
	w := &world{t: t, domain: jid.MustParse("localhost"), links: map[link.Link]bool{}, air: newAir(),
		log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))}
	ctx := context.Background()
	db, err := sqlite.Open(ctx, filepath.Join(t.TempDir(), "server.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	st := server.Store{Accounts: db.Accounts(), Rosters: db.Roster(), Archive: db.Archive(), Inbox: db.Inbox(),
		LastSeen: db.LastSeen(), Blocklist: db.Blocklist(), PubSub: db.PubSub(), Secrets: db.Secrets(), Grants: db.Grants(), Invitations: db.Invitations(), Commits: db}
	cfg := server.Config{Domain: w.domain, Store: st, Log: w.log, Program: version.Version{Name: "Godwit", Version: "test"}, AllowUnencrypted: true}
	for _, o := range options {
		o(&cfg)
	}
	w.config = cfg
	if w.server, err = server.New(ctx, cfg); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"alice", "bob", "carol", "mallory"} {
		if err := st.CreateAccount(ctx, store.Account{JID: jid.MustParse(name + "@localhost"), Created: time.Now()}, password); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		defer cancel()
		if err := w.server.Stop(ctx); err != nil {
			t.Error("the server did not stop:", err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

var errDown = errors.New("the server cannot be reached")

// Dial implements link.Dialer.
func (w *world) Dial(context.Context, string) (link.Link, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down {
		return nil, errDown
	}
	a, b := linktest.SecurePipe(linktest.Options{})
	go w.server.Serve(b)
	w.links[b] = true
	return a, nil
}

// cut breaks every connection to the server.
func (w *world) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for l := range w.links {
		l.Abort()
	}
	clear(w.links)
}

// restart breaks every connection and puts another server, which knows nothing of
// the sessions before, in place of the one there is.
func (w *world) restart() {
	w.t.Helper()
	w.reachable(false)
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	if err := w.server.Stop(ctx); err != nil {
		w.t.Fatal("the server did not stop:", err)
	}
	next, err := server.New(ctx, w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	w.server = next
	w.mu.Unlock()
	w.reachable(true)
}

// reachable lets clients connect, or not.
func (w *world) reachable(on bool) {
	w.mu.Lock()
	w.down = !on
	w.mu.Unlock()
	if !on {
		w.cut()
	}
}

// person is a client and what it told.
type person struct {
	t      *testing.T
	w      *world
	c      *client.Client
	jid    jid.JID // bare
	cache  cache.Cache
	cancel context.CancelFunc
	ended  chan error

	mu     sync.Mutex
	events []client.Event
	times  []time.Time // when each was told
	more   chan struct{}
}

// join signs somebody in.
func (w *world) join(name string, tune ...func(*client.Config)) *person {
	w.t.Helper()
	return w.joinWith(name, memory.New(), tune...)
}

func (w *world) joinWith(name string, store cache.Cache, tune ...func(*client.Config)) *person {
	w.t.Helper()
	j := jid.MustParse(name + "@localhost")
	cfg := client.Config{JID: j, Password: password, Dialer: w, Cache: store, Transports: []peer.Transport{w.air.transport()},
		Software: client.Software{Name: "Godwit", Version: "0.1"}, Logger: w.log.With("client", name),
		Times: client.Times{Backoff: 50 * time.Millisecond, BackoffMax: 200 * time.Millisecond, Deposit: 100 * time.Millisecond}}
	for _, f := range tune {
		f(&cfg)
	}
	c, err := client.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	p := &person{t: w.t, w: w, c: c, jid: j, cache: store, ended: make(chan error, 1), more: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	go func() { p.ended <- c.Run(ctx) }()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for e := range c.Events() {
			p.mu.Lock()
			p.events, p.times = append(p.events, e), append(p.times, time.Now())
			close(p.more)
			p.more = make(chan struct{})
			p.mu.Unlock()
		}
	}()
	w.t.Cleanup(func() {
		_ = c.Close()
		cancel()
		<-done
	})
	return p
}

// await returns the first event that f accepts and marks everything before as
// seen by nobody: events are never consumed.
func await[E client.Event](p *person, what string, f func(E) bool) E {
	p.t.Helper()
	timeout := time.After(deadline)
	at := 0
	for {
		p.mu.Lock()
		for ; at < len(p.events); at++ {
			if e, ok := p.events[at].(E); ok && f(e) {
				p.mu.Unlock()
				return e
			}
		}
		more := p.more
		p.mu.Unlock()
		select {
		case <-more:
		case <-timeout:
			p.t.Fatalf("%s: no %s; told: %s", p.jid, what, p.told())
		}
	}
}

func (p *person) told() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := ""
	for _, e := range p.events {
		s += "\n\t" + describe(e)
	}
	return s
}

func (p *person) online() client.Online {
	p.t.Helper()
	return await(p, "sign-in", func(client.Online) bool { return true })
}

// count tells how many events f accepts so far.
func count[E client.Event](p *person, f func(E) bool) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, e := range p.events {
		if e, ok := e.(E); ok && f(e) {
			n++
		}
	}
	return n
}

func (p *person) send(to *person, id, body string) {
	p.t.Helper()
	p.sendBy(to, id, body, "")
}

// messages are the bodies of messages from somebody, as told.
func (p *person) messages(from jid.JID) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []string
	for _, e := range p.events {
		if m, ok := e.(client.Message); ok && m.From.Bare() == from {
			out = append(out, m.Body)
		}
	}
	return out
}

// befriend makes two people mutual contacts.
func befriend(a, b *person) {
	a.t.Helper()
	ctx := context.Background()
	a.online()
	b.online()
	if err := a.c.Subscribe(ctx, b.jid, "My friend"); err != nil {
		a.t.Fatal(err)
	}
	await(b, "subscription request", func(e client.SubscriptionAsked) bool { return e.From == a.jid })
	if err := b.c.Accept(ctx, a.jid); err != nil {
		a.t.Fatal(err)
	}
	for _, p := range []*person{a, b} {
		other := b
		if p == b {
			other = a
		}
		await(p, "mutual contact", func(e client.ContactChanged) bool { return e.Contact.JID == other.jid && e.Contact.Mutual() })
		await(p, "presence of the other", func(e client.PresenceChanged) bool {
			return e.From.Bare() == other.jid && e.Available && e.Client != ""
		})
	}
}
