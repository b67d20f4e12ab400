package memory

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"godwit/jid"
	"godwit/store"
)

// Store implements all contracts of package store. Use it as sqlite.Store is used.
type Store struct {
	mu          sync.Mutex // guards everything below it
	closed      bool
	accounts    map[jid.JID]store.Account
	rosters     map[jid.JID]*roster
	archive     []store.ArchiveEntry // in order of id
	origins     map[originKey]int64
	prefs       map[jid.JID]store.ArchivePrefs
	inbox       []store.InboxEntry // in order of id
	seen        map[jid.JID]store.Seen
	blocked     map[jid.JID][]jid.JID // in order of address
	nodes       map[jid.JID]map[string]*node
	secrets     map[string][]byte
	uploads     map[string]store.Upload
	grants      map[grantKey]store.Grant
	invitations map[string]store.Invitation // by hash
	last        int64                       // id

	queue   []pending
	running bool       // a goroutine works on the queue
	idle    *sync.Cond // running became false
}

type originKey struct {
	owner, sender jid.JID
	origin        string
}

// New returns an empty store.
func New() *Store {
	s := &Store{
		accounts: make(map[jid.JID]store.Account), rosters: make(map[jid.JID]*roster), origins: make(map[originKey]int64),
		prefs: make(map[jid.JID]store.ArchivePrefs), seen: make(map[jid.JID]store.Seen), secrets: make(map[string][]byte),
		uploads: make(map[string]store.Upload), grants: make(map[grantKey]store.Grant), invitations: make(map[string]store.Invitation),
		blocked: make(map[jid.JID][]jid.JID), nodes: make(map[jid.JID]map[string]*node),
	}
	s.idle = sync.NewCond(&s.mu)
	return s
}

// Close waits for the done functions that are owed.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for s.running {
		s.idle.Wait()
	}
	return nil
}

// Accounts returns the accounts.
func (s *Store) Accounts() store.Accounts { return accounts{s} }

// Roster returns the rosters.
func (s *Store) Roster() store.Roster { return rosters{s} }

// Archive returns the archives.
func (s *Store) Archive() store.Archive { return archives{s} }

// Inbox returns the inboxes.
func (s *Store) Inbox() store.Inbox { return inboxes{s} }

// LastSeen returns when accounts were last online.
func (s *Store) LastSeen() store.LastSeen { return lastSeen{s} }

// Blocklist returns whom accounts have blocked.
func (s *Store) Blocklist() store.Blocklist { return blocklists{s} }

// PubSub returns the nodes of accounts.
func (s *Store) PubSub() store.PubSub { return pubsub{s} }

// Secrets returns the secrets.
func (s *Store) Secrets() store.Secrets { return secrets{s} }

// enter locks the store for one question or change; the caller unlocks if there is no error.
func (s *Store) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return store.ErrClosed
	}
	return nil
}

func notFound(format string, args ...any) error {
	return fmt.Errorf("%w: %s", store.ErrNotFound, fmt.Sprintf(format, args...))
}

func micros(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return time.UnixMicro(t.UnixMicro()).UTC()
}

type accounts struct{ s *Store }

func cloneCredentials(c map[store.Hash]store.Credentials) map[store.Hash]store.Credentials {
	out := make(map[store.Hash]store.Credentials, len(c))
	for h, v := range c {
		v.Salt, v.StoredKey, v.ServerKey = bytes.Clone(v.Salt), bytes.Clone(v.StoredKey), bytes.Clone(v.ServerKey)
		out[h] = v
	}
	return out
}

func checkAccount(acc store.Account) error {
	if err := store.CheckAccount(acc.JID); err != nil {
		return err
	}
	return store.CheckCredentials(acc.Credentials)
}

func (a accounts) Create(ctx context.Context, acc store.Account) error {
	if err := checkAccount(acc); err != nil {
		return err
	}
	if err := a.s.enter(ctx); err != nil {
		return err
	}
	defer a.s.mu.Unlock()
	return a.s.create(acc)
}

// create adds an account; with mu held.
func (s *Store) create(acc store.Account) error {
	if _, ok := s.accounts[acc.JID]; ok {
		return fmt.Errorf("%w: account %s", store.ErrExists, acc.JID)
	}
	acc.Created, acc.Credentials = micros(acc.Created), cloneCredentials(acc.Credentials)
	s.accounts[acc.JID] = acc
	return nil
}

func (a accounts) Get(ctx context.Context, account jid.JID) (store.Account, error) {
	if err := a.s.enter(ctx); err != nil {
		return store.Account{}, err
	}
	defer a.s.mu.Unlock()
	acc, ok := a.s.accounts[account]
	if !ok {
		return store.Account{}, notFound("account %s", account)
	}
	acc.Credentials = cloneCredentials(acc.Credentials)
	return acc, nil
}

func (a accounts) SetCredentials(ctx context.Context, account jid.JID, c map[store.Hash]store.Credentials) error {
	if err := store.CheckCredentials(c); err != nil {
		return err
	}
	if err := a.s.enter(ctx); err != nil {
		return err
	}
	defer a.s.mu.Unlock()
	acc, ok := a.s.accounts[account]
	if !ok {
		return notFound("account %s", account)
	}
	acc.Credentials = cloneCredentials(c)
	a.s.accounts[account] = acc
	a.s.dropAccess(account)
	return nil
}

func (a accounts) Remove(ctx context.Context, account jid.JID) error {
	if err := store.CheckAccount(account); err != nil {
		return err
	}
	if err := a.s.enter(ctx); err != nil {
		return err
	}
	defer a.s.mu.Unlock()
	s := a.s
	_, ok := s.accounts[account]
	delete(s.accounts, account)
	delete(s.prefs, account)
	delete(s.seen, account)
	delete(s.blocked, account)
	delete(s.nodes, account)
	if r := s.rosters[account]; r != nil {
		*r = roster{version: r.version, gone: true}
	}
	s.expireUploads(account)
	s.dropAccess(account)
	maps.DeleteFunc(s.invitations, func(_ string, i store.Invitation) bool { return i.Inviter == account })
	s.dropArchive(func(e *store.ArchiveEntry) bool { return e.Owner == account })
	s.inbox = slices.DeleteFunc(s.inbox, func(e store.InboxEntry) bool { return e.Owner == account })
	if !ok {
		return notFound("account %s", account)
	}
	return nil
}

func (a accounts) List(ctx context.Context, after jid.JID, max int) ([]store.Account, error) {
	if err := a.s.enter(ctx); err != nil {
		return nil, err
	}
	defer a.s.mu.Unlock()
	if max <= 0 || max > store.MaxAccountsPage {
		max = store.MaxAccountsPage
	}
	var list []store.Account
	for _, acc := range slices.SortedFunc(maps.Values(a.s.accounts), func(x, y store.Account) int { return cmp.Compare(x.JID.String(), y.JID.String()) }) {
		if acc.JID.String() > after.String() && len(list) < max {
			acc.Credentials = nil
			list = append(list, acc)
		}
	}
	return list, nil
}

type lastSeen struct{ s *Store }

func (l lastSeen) LastSeen(ctx context.Context, owner jid.JID) (store.Seen, error) {
	if err := store.CheckOwner(owner); err != nil {
		return store.Seen{}, err
	}
	if err := l.s.enter(ctx); err != nil {
		return store.Seen{}, err
	}
	defer l.s.mu.Unlock()
	seen, ok := l.s.seen[owner]
	if !ok {
		return store.Seen{}, notFound("last seen %s", owner)
	}
	return seen, nil
}

type secrets struct{ s *Store }

func (k secrets) Ensure(ctx context.Context, name string, size int) ([]byte, error) {
	if err := store.CheckSecretSize(name, size); err != nil {
		return nil, err
	}
	if err := k.s.enter(ctx); err != nil {
		return nil, err
	}
	defer k.s.mu.Unlock()
	if k.s.secrets[name] == nil {
		k.s.secrets[name] = make([]byte, size)
		rand.Read(k.s.secrets[name])
	}
	return bytes.Clone(k.s.secrets[name]), nil
}

func (k secrets) Get(ctx context.Context, name string) ([]byte, error) {
	if err := k.s.enter(ctx); err != nil {
		return nil, err
	}
	defer k.s.mu.Unlock()
	v, ok := k.s.secrets[name]
	if !ok {
		return nil, notFound("secret %q", name)
	}
	return bytes.Clone(v), nil
}

func (k secrets) Put(ctx context.Context, name string, value []byte) error {
	if err := store.CheckSecret(name, value); err != nil {
		return err
	}
	if err := k.s.enter(ctx); err != nil {
		return err
	}
	defer k.s.mu.Unlock()
	k.s.secrets[name] = bytes.Clone(value)
	return nil
}
