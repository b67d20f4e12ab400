package archive

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"

	"godwit/jid"
	"godwit/server/account"
	"godwit/store"
)

// Contacts tells who is in whose roster; *account.Registry does.
type Contacts interface {
	Contact(owner, who jid.JID) (account.Contact, error)
}

// maxCached bounds the preferences held in memory; beyond it the cache starts anew.
const maxCached = 10_000

// Policy knows every account's preferences (XEP-0441) and judges by them. Safe for concurrent use; mu guards the cache.
type Policy struct {
	store    store.Archive
	contacts Contacts
	fallback store.ArchiveDefault // for accounts that never said
	log      *slog.Logger

	mu    sync.RWMutex
	cache map[jid.JID]store.ArchivePrefs
}

// NewPolicy returns a policy. fallback is what holds for accounts that never set preferences.
func NewPolicy(s store.Archive, c Contacts, fallback store.ArchiveDefault, log *slog.Logger) *Policy {
	return &Policy{store: s, contacts: c, fallback: fallback, log: log, cache: make(map[jid.JID]store.ArchivePrefs)}
}

// Wants reports whether owner's archive keeps messages exchanged with that address. When the preferences can't be read it says yes: a message
// too many can be deleted, one too few is lost.
func (p *Policy) Wants(ctx context.Context, owner, with jid.JID) bool {
	prefs, err := p.Prefs(ctx, owner)
	if err != nil {
		p.log.Error("archive preferences could not be read", "account", owner.String(), "error", err)
		return true
	}
	inRoster := func() bool {
		c, err := p.contacts.Contact(owner, with.Bare())
		return err != nil || c.Known
	}
	return judge(prefs, with, inRoster)
}

// judge applies preferences to one address (XEP-0441 §2.1): a list names it in full, bare or by domain, the more exact entry wins, and Never
// wins a tie.
func judge(p store.ArchivePrefs, with jid.JID, inRoster func() bool) bool {
	for _, j := range []jid.JID{with, with.Bare(), with.DomainJID()} {
		if slices.Contains(p.Never, j) {
			return false
		}
		if slices.Contains(p.Always, j) {
			return true
		}
	}
	switch p.Default {
	case store.ArchiveNever:
		return false
	case store.ArchiveRoster:
		return inRoster()
	}
	return true
}

// Prefs returns an account's preferences, or the defaults.
func (p *Policy) Prefs(ctx context.Context, owner jid.JID) (store.ArchivePrefs, error) {
	p.mu.RLock()
	prefs, ok := p.cache[owner]
	p.mu.RUnlock()
	if ok {
		return prefs, nil
	}
	prefs, err := p.store.Prefs(ctx, owner)
	if errors.Is(err, store.ErrNotFound) {
		prefs, err = store.ArchivePrefs{Default: p.fallback}, nil
	}
	if err != nil {
		return prefs, err
	}
	p.remember(owner, prefs)
	return prefs, nil
}

func (p *Policy) remember(owner jid.JID, prefs store.ArchivePrefs) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.cache) >= maxCached {
		clear(p.cache)
	}
	p.cache[owner] = prefs
}

// SetPrefs stores preferences; they hold from now on.
func (p *Policy) SetPrefs(ctx context.Context, owner jid.JID, prefs store.ArchivePrefs) error {
	if err := p.store.SetPrefs(ctx, owner, prefs); err != nil {
		return err
	}
	p.remember(owner, prefs)
	return nil
}
