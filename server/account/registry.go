package account

import (
	"context"
	"errors"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"godwit/bus"
	"godwit/jid"
	"godwit/stanza"
	"godwit/store"
)

// Limits bound what one account may hold. Zero values mean the defaults.
type Limits struct {
	Resources     int           // sessions at once, hibernating ones too; 20
	RosterItems   int           // contacts; 5,000
	Requests      int           // unanswered subscription requests; 500
	Directed      int           // addresses with directed presence, per session; 500
	ResumeTimeout time.Duration // how long a lost session waits to be resumed at most; 5 minutes
	InboxEntries  int           // messages waiting for an absent account; 2,000
	InboxBytes    int64         // 16 MiB
	Blocked       int           // blocked addresses; 1,000
}

func (l Limits) withDefaults() Limits {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&l.Resources, 20)
	def(&l.RosterItems, 5000)
	def(&l.Requests, 500)
	def(&l.Directed, 500)
	def(&l.InboxEntries, 2000)
	def(&l.Blocked, 1000)
	if l.InboxBytes == 0 {
		l.InboxBytes = 16 << 20
	}
	if l.ResumeTimeout == 0 {
		l.ResumeTimeout = 5 * time.Minute
	}
	return l
}

// Config is what a registry is made of. The fields up to Log are required.
type Config struct {
	Domain    jid.JID
	Accounts  store.Accounts
	Rosters   store.Roster
	Inbox     store.Inbox
	LastSeen  store.LastSeen
	Blocklist store.Blocklist
	Commits   store.Committer
	// Route takes a stanza that an account emits on its own (presence, subscription stanzas, bounced requests) to wherever it belongs. It
	// must not wait for any account.
	Route func(*stanza.Stanza)
	// Notice does the same for a notice of a node (XEP-0163), for those of the recipient's resources that follow it. May be nil with Watcher.
	Notice func(st *stanza.Stanza, node string)
	// Watcher is told which sessions follow what; nil where nothing is published.
	Watcher Watcher
	Log     *slog.Logger
	Limits  Limits
	// AckDeadline is how long a client may leave a request for acknowledgement unanswered; 60 seconds.
	AckDeadline time.Duration
	// Invited uses an invitation of owner's once, and reports whether it was one that is good (XEP-0379). It may block for a bounded time, as the
	// store does. May be nil.
	Invited func(ctx context.Context, owner jid.JID, token string) bool
	// InboxKeep is how long messages wait for an absent account; 0 is for ever.
	InboxKeep time.Duration
}

// Counters are the numbers operators watch. Safe for concurrent use.
type Counters struct {
	Sessions    atomic.Int64 // bound now, hibernating ones too
	Hibernating atomic.Int64
	Bound       atomic.Int64 // ever
	Resumed     atomic.Int64 // ever
	Delivered   atomic.Int64 // stanzas handed to sessions
	Kept        atomic.Int64 // messages put into inboxes
}

const shards = 64

// Registry finds the accounts of one domain. Each shard's lock guards its map only and is never held while an account works.
type Registry struct {
	cfg      Config
	Counters Counters
	seed     maphash.Seed
	blocks   blocklists
	shards   [shards]struct {
		mu sync.Mutex
		m  map[jid.JID]*Account
	}
}

// NewRegistry returns a registry without accounts in memory; they are loaded when something happens to them.
func NewRegistry(cfg Config) *Registry {
	cfg.Limits = cfg.Limits.withDefaults()
	if cfg.AckDeadline == 0 {
		cfg.AckDeadline = time.Minute
	}
	r := &Registry{cfg: cfg, seed: maphash.MakeSeed(), blocks: blocklists{store: cfg.Blocklist, m: make(map[jid.JID]*blocklist)}}
	for i := range r.shards {
		r.shards[i].m = make(map[jid.JID]*Account)
	}
	return r
}

func (r *Registry) shard(owner jid.JID) int {
	return int(maphash.Comparable(r.seed, owner) % shards)
}

// loaded returns the account if it is in memory.
func (r *Registry) loaded(owner jid.JID) *Account {
	s := &r.shards[r.shard(owner)]
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m[owner]
}

func (r *Registry) get(owner jid.JID) *Account {
	s := &r.shards[r.shard(owner)]
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.m[owner]
	if a == nil {
		a = &Account{registry: r, owner: owner}
		s.m[owner] = a
	}
	return a
}

// drop forgets an account whose mailbox has been closed.
func (r *Registry) drop(a *Account) {
	s := &r.shards[r.shard(a.owner)]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m[a.owner] == a {
		delete(s.m, a.owner)
	}
}

// post puts an event into the owner's mailbox, loading the account if need be. inline lets the calling goroutine work on it.
func (r *Registry) post(owner jid.JID, inline bool, event func(*Account) item) {
	for {
		a := r.get(owner)
		open, run := a.mailbox.put(event(a))
		if !open { // it was being forgotten
			r.drop(a)
			continue
		}
		switch {
		case run && inline:
			a.run(inlineBatch)
		case run:
			go a.run(0)
		}
		return
	}
}

// do runs f as the account's writer, later or now.
func (r *Registry) do(owner jid.JID, inline bool, f func(*Account)) {
	r.post(owner, inline, func(a *Account) item { return item{do: func() { f(a) }} })
}

// call runs f as the account's writer and waits for it. It must not be called by an account's writer.
func (r *Registry) call(owner jid.JID, f func(*Account)) {
	done := make(chan struct{})
	r.do(owner, true, func(a *Account) {
		defer close(done)
		f(a)
	})
	<-done
}

// Deliver takes an envelope for an account of this node; it is the handler of the bus.
func (r *Registry) Deliver(e bus.Envelope) {
	if e.Node != "" && r.loaded(e.Owner) == nil {
		return // nobody is there to follow it
	}
	r.post(e.Owner, e.Inline, func(*Account) item { return item{envelope: e} })
}

// AwaitRoom waits while too much is queued for an account, so that whoever floods one whose work is held up, by the disk for instance, is
// held up too. Readers of streams call it; an account's writer and the store's goroutine must not.
func (r *Registry) AwaitRoom(ctx context.Context, owner jid.JID) {
	a := r.loaded(owner)
	if a == nil {
		return
	}
	if room := a.mailbox.awaitRoom(); room != nil {
		select {
		case <-room:
		case <-ctx.Done():
		}
	}
}

// Exists reports whether there is such an account.
func (r *Registry) Exists(ctx context.Context, owner jid.JID) (bool, error) {
	if a := r.loaded(owner); a != nil && a.exists.Load() {
		return true, nil
	}
	switch _, err := r.cfg.Accounts.Get(ctx, owner); {
	case err == nil:
		return true, nil
	case errors.Is(err, store.ErrNotFound):
		return false, nil
	default:
		return false, err
	}
}

// Reachable is the number of the account's available resources with non-negative priority at this moment.
func (r *Registry) Reachable(owner jid.JID) int {
	if a := r.loaded(owner); a != nil {
		return int(a.reachable.Load())
	}
	return 0
}

// each calls f, as its writer, for every account in memory, and waits until all are done.
func (r *Registry) each(f func(*Account)) {
	var all []jid.JID
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		for owner := range s.m {
			all = append(all, owner)
		}
		s.mu.Unlock()
	}
	for _, owner := range all {
		r.call(owner, f)
	}
}
