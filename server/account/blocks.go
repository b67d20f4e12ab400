package account

import (
	"context"
	"sync"

	"godwit/jid"
	"godwit/stanza"
	"godwit/store"
	"godwit/xep/blocking"
)

// blocklist is whom one account has blocked. It never changes once made; nil blocks nobody.
type blocklist struct {
	items []jid.JID // in order of address
	set   map[jid.JID]struct{}
	all   bool // the list could not be read: nobody gets through, so that nothing passes that was meant not to
}

var unreadable = &blocklist{all: true}

func newBlocklist(items []jid.JID) *blocklist {
	if len(items) == 0 {
		return nil
	}
	l := &blocklist{items: items, set: make(map[jid.JID]struct{}, len(items))}
	for _, j := range items {
		l.set[j] = struct{}{}
	}
	return l
}

// matches reports whether an address is blocked: itself, as one of the resources of a blocked address, or by its domain (XEP-0191 §5).
func (l *blocklist) matches(who jid.JID) bool {
	if l == nil {
		return false
	}
	return l.all || blocking.Matches(who, l.has)
}

func (l *blocklist) has(j jid.JID) bool {
	_, ok := l.set[j]
	return ok
}

// maxBlocklists bounds how many accounts' lists are held in memory.
const maxBlocklists = 20_000

// blocklists are the lists that were read, also those of accounts that block nobody. mu guards all of it. Lists change only by the account's
// writer; gen tells a reader of the store that one changed meanwhile.
type blocklists struct {
	store store.Blocklist

	mu  sync.RWMutex
	m   map[jid.JID]*blocklist
	gen uint64
}

// of returns an account's list.
func (b *blocklists) of(ctx context.Context, owner jid.JID) (*blocklist, error) {
	b.mu.RLock()
	l, known := b.m[owner]
	gen := b.gen
	b.mu.RUnlock()
	if known {
		return l, nil
	}
	items, err := b.store.Load(ctx, owner)
	if err != nil {
		return unreadable, err
	}
	l = newBlocklist(items)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.gen == gen {
		b.put(owner, l)
	}
	return l, nil
}

func (b *blocklists) put(owner jid.JID, l *blocklist) {
	if len(b.m) >= maxBlocklists {
		clear(b.m)
	}
	b.m[owner] = l
}

// set makes a list the one that holds.
func (b *blocklists) set(owner jid.JID, l *blocklist) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gen++
	b.put(owner, l)
}

// forget has the list read again when it is needed.
func (b *blocklists) forget(owner jid.JID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gen++
	delete(b.m, owner)
}

// Blocks reports whether an account has blocked an address (XEP-0191). Nobody blocks oneself or the server. It does not wait for the account.
func (r *Registry) Blocks(ctx context.Context, owner, who jid.JID) (bool, error) {
	l, err := r.blocks.of(ctx, owner)
	if err != nil {
		return true, err
	}
	return l.matches(who) && r.blockable(owner, who), nil
}

// blockable: an account's own resources always reach each other (XEP-0191 §4), and it always reaches its server.
func (r *Registry) blockable(owner, who jid.JID) bool {
	return who.Bare() != owner && who != r.cfg.Domain
}

// blocks is the account's list, as its writer needs it.
func (a *Account) blocks(who jid.JID) bool {
	blocked, err := a.registry.Blocks(context.Background(), a.owner, who)
	if err != nil {
		a.log().Error("the blocklist could not be read", "error", err)
	}
	return blocked
}

// Blocklist answers a session's question whom its account has blocked, and makes the session one that gets pushes from then on (XEP-0191 §3.2).
func (r *Registry) Blocklist(ctx context.Context, s *Session) (items []jid.JID, err error) {
	r.call(s.owner.owner, func(a *Account) {
		var l *blocklist
		if l, err = r.blocks.of(ctx, a.owner); err != nil {
			return
		}
		s.blocklist = true
		if l != nil {
			items = l.items
		}
	})
	return items, err
}

// Block blocks addresses (XEP-0191 §3.3): from then on nothing passes between them and the account, and those who saw it see it leave.
func (r *Registry) Block(ctx context.Context, s *Session, who []jid.JID) (bad *stanza.Error) {
	r.call(s.owner.owner, func(a *Account) {
		bad = a.changeBlocks(ctx, blocking.Command{Items: who}, func() error {
			return r.cfg.Blocklist.Add(ctx, a.owner, who, r.cfg.Limits.Blocked)
		})
	})
	return bad
}

// Unblock takes addresses off the list, or all when none is named (XEP-0191 §3.4, §3.5). Who may see the account sees it again.
func (r *Registry) Unblock(ctx context.Context, s *Session, who []jid.JID) (bad *stanza.Error) {
	r.call(s.owner.owner, func(a *Account) {
		bad = a.changeBlocks(ctx, blocking.Command{Unblock: true, Items: who}, func() error {
			if len(who) == 0 {
				return r.cfg.Blocklist.Clear(ctx, a.owner)
			}
			return r.cfg.Blocklist.Remove(ctx, a.owner, who)
		})
	})
	return bad
}

func (a *Account) changeBlocks(ctx context.Context, c blocking.Command, change func() error) *stanza.Error {
	r := a.registry
	if !a.loadRoster() {
		return stanza.ErrInternalServerError()
	}
	before, err := r.blocks.of(ctx, a.owner)
	if err == nil {
		err = change()
	}
	if err != nil {
		return a.storeError("the blocklist could not be changed", err)
	}
	items, err := r.cfg.Blocklist.Load(ctx, a.owner)
	if err != nil {
		r.blocks.forget(a.owner)
		return a.storeError("the blocklist could not be read", err)
	}
	after := newBlocklist(items)
	a.vanish(before, after)
	r.blocks.set(a.owner, after)
	a.show(before, after)
	for _, s := range a.sessions {
		if s.blocklist {
			s.send(stanza.Build(stanza.IQ, stanza.Set, s.JID, a.owner, "push-"+randomID(6), c.Encode), 0)
		}
	}
	return nil
}

// vanish tells those who saw the account and are blocked from now on that it has left. It comes before the new list holds.
func (a *Account) vanish(before, after *blocklist) {
	newly := func(who jid.JID) bool {
		return !before.matches(who) && after.matches(who) && a.registry.blockable(a.owner, who)
	}
	for contact := range a.roster.subscribers() {
		if newly(contact) {
			a.sendUnavailable(contact)
		}
	}
	for _, j := range after.addresses() { // a single resource of a contact: the contact's other resources go on seeing the account
		if j.IsFull() && newly(j) && !after.matches(j.Bare()) && a.roster.sees(j.Bare()) {
			a.sendUnavailable(j)
		}
	}
	for _, s := range a.sessions {
		for to := range s.directed {
			if newly(to) {
				a.emit(stanza.Build(stanza.Presence, stanza.Unavailable, to, s.JID, "", nil))
				delete(s.directed, to)
			}
		}
	}
}

// show tells those who may see the account and are not blocked any more that it is there, and asks those whom it may see.
func (a *Account) show(before, after *blocklist) {
	newly := func(who jid.JID) bool {
		return before.matches(who) && !after.matches(who) && a.registry.blockable(a.owner, who)
	}
	for _, s := range a.sessions {
		if !s.available {
			continue
		}
		for contact := range a.roster.subscribers() {
			if newly(contact) {
				a.emit(s.presence.WithTo(contact))
			}
		}
		for _, j := range before.addresses() {
			if j.IsFull() && newly(j) && !before.matches(j.Bare()) && a.roster.sees(j.Bare()) {
				a.emit(s.presence.WithTo(j))
			}
		}
		for contact := range a.roster.subscriptions() {
			if newly(contact) {
				a.emit(stanza.Build(stanza.Presence, stanza.Probe, contact, s.JID, "", nil))
			}
		}
	}
}

// hidden reports whether a contact has blocked just the one resource that is about to get its presence with the others. That it left is no secret.
func (a *Account) hidden(st *stanza.Stanza, s *Session) bool {
	if st.Type != stanza.Available {
		return false
	}
	hidden, err := a.registry.Blocks(context.Background(), st.From.Bare(), s.JID)
	if err != nil {
		a.log().Error("a blocklist could not be read", "account", st.From.Bare().String(), "error", err)
	}
	return hidden
}

// addresses are the addresses on a list.
func (l *blocklist) addresses() []jid.JID {
	if l == nil {
		return nil
	}
	return l.items
}

// stopped reports whether a stanza for the account comes from an address it has blocked, and gives it the end that XEP-0191 §3.3 asks for:
// presence, answers and errors vanish, everything else is refused as if nobody was there.
func (a *Account) stopped(st *stanza.Stanza, inbox int64) bool {
	if !a.blocks(st.From) {
		return false
	}
	if inbox != 0 {
		a.forget([]int64{inbox})
	}
	if st.Kind == stanza.Presence {
		return true
	}
	if reply := st.ErrorReply(stanza.ErrServiceUnavailable()); reply != nil && st.From.IsFull() {
		a.registry.cfg.Route(reply) // not by emit, which would stop it
	}
	return true
}
