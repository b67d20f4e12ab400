package memory

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"godwit/jid"
	"godwit/store"
)

// Grants returns which clients may sign in with tokens.
func (s *Store) Grants() store.Grants { return grants{s} }

type grants struct{ s *Store }

type grantKey struct {
	account jid.JID
	agent   string
}

func cloneToken(t store.Token) store.Token {
	if t.IsZero() {
		return store.Token{}
	}
	t.Salt, t.Issued, t.Expires = bytes.Clone(t.Salt), micros(t.Issued), micros(t.Expires)
	return t
}

func cloneGrant(g store.Grant) store.Grant {
	g.First, g.Last, g.Current, g.New = micros(g.First), micros(g.Last), cloneToken(g.Current), cloneToken(g.New)
	return g
}

// of lists an account's grants, the one used last first.
func (gs grants) of(account jid.JID) (list []store.Grant) {
	for _, g := range gs.s.grants {
		if g.Account == account {
			list = append(list, cloneGrant(g))
		}
	}
	slices.SortFunc(list, func(a, b store.Grant) int { return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.Agent, b.Agent)) })
	return list
}

func (gs grants) Issue(ctx context.Context, g store.Grant, most int) error {
	if err := g.Check(); err != nil {
		return err
	}
	if err := gs.s.enter(ctx); err != nil {
		return err
	}
	defer gs.s.mu.Unlock()
	if _, ok := gs.s.accounts[g.Account]; !ok {
		return notFound("account %s", g.Account)
	}
	key := grantKey{g.Account, g.Agent}
	g = cloneGrant(g)
	if there, ok := gs.s.grants[key]; ok {
		there.Issue(g)
		gs.s.grants[key] = there
		return nil
	}
	if list := gs.of(g.Account); most > 0 && len(list) >= most {
		for _, old := range list[most-1:] {
			delete(gs.s.grants, grantKey{old.Account, old.Agent})
		}
	}
	g.Current = store.Token{}
	gs.s.grants[key] = g
	return nil
}

func (gs grants) Use(ctx context.Context, u store.GrantUse) error {
	if err := gs.s.enter(ctx); err != nil {
		return err
	}
	defer gs.s.mu.Unlock()
	key := grantKey{u.Account, u.Agent}
	g, ok := gs.s.grants[key]
	if !ok {
		return notFound("grant of %s", u.Account)
	}
	if err := g.Use(u); err != nil {
		return err
	}
	gs.s.grants[key] = cloneGrant(g)
	return nil
}

func (gs grants) Grant(ctx context.Context, account jid.JID, agent string) (store.Grant, error) {
	if err := gs.s.enter(ctx); err != nil {
		return store.Grant{}, err
	}
	defer gs.s.mu.Unlock()
	g, ok := gs.s.grants[grantKey{account, agent}]
	if !ok {
		return store.Grant{}, notFound("grant of %s", account)
	}
	return cloneGrant(g), nil
}

func (gs grants) Grants(ctx context.Context, account jid.JID) ([]store.Grant, error) {
	if err := gs.s.enter(ctx); err != nil {
		return nil, err
	}
	defer gs.s.mu.Unlock()
	return gs.of(account), nil
}

func (gs grants) Revoke(ctx context.Context, account jid.JID, agent string) error {
	if err := gs.s.enter(ctx); err != nil {
		return err
	}
	defer gs.s.mu.Unlock()
	key := grantKey{account, agent}
	if _, ok := gs.s.grants[key]; !ok {
		return notFound("grant of %s", account)
	}
	delete(gs.s.grants, key)
	return nil
}

func (gs grants) Purge(ctx context.Context, now time.Time, max int) (n int, err error) {
	return purge(ctx, gs.s, max, gs.s.grants, func(g store.Grant) bool { return g.Expired(now) })
}

// purge removes up to max of what is old.
func purge[K comparable, V any](ctx context.Context, s *Store, max int, from map[K]V, old func(V) bool) (n int, err error) {
	if max <= 0 {
		return 0, fmt.Errorf("%w: purge %d", store.ErrInvalid, max)
	}
	if err := s.enter(ctx); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	for key, v := range from {
		if n < max && old(v) {
			delete(from, key)
			n++
		}
	}
	return n, nil
}

// dropAccess forgets what lets an account's clients in.
func (s *Store) dropAccess(account jid.JID) {
	for key := range s.grants {
		if key.account == account {
			delete(s.grants, key)
		}
	}
}

// Invitations returns the invitations.
func (s *Store) Invitations() store.Invitations { return invitations{s} }

type invitations struct{ s *Store }

func cloneInvitation(i store.Invitation) store.Invitation {
	i.Hash, i.Created, i.Expires = bytes.Clone(i.Hash), micros(i.Created), micros(i.Expires)
	return i
}

// reserved reports whether an invitation other than the one with the hash holds an address.
func (in invitations) reserved(account jid.JID, hash []byte, now time.Time) bool {
	for _, i := range in.s.invitations {
		if !account.IsZero() && i.Account == account && i.Good(now) && !bytes.Equal(i.Hash, hash) {
			return true
		}
	}
	return false
}

func (in invitations) Create(ctx context.Context, i store.Invitation, most int) error {
	if err := i.Check(); err != nil {
		return err
	}
	if err := in.s.enter(ctx); err != nil {
		return err
	}
	defer in.s.mu.Unlock()
	if _, ok := in.s.accounts[i.Inviter]; !ok && !i.Inviter.IsZero() {
		return notFound("account %s", i.Inviter)
	}
	n := 0
	for _, other := range in.s.invitations {
		if other.Inviter == i.Inviter && other.Good(i.Created) {
			n++
		}
	}
	if most > 0 && n >= most {
		return fmt.Errorf("%w: %d invitations", store.ErrLimit, n)
	}
	_, taken := in.s.accounts[i.Account]
	if !i.Account.IsZero() && (taken || in.reserved(i.Account, nil, i.Created)) {
		return fmt.Errorf("%w: account %s", store.ErrExists, i.Account)
	}
	if _, there := in.s.invitations[string(i.Hash)]; there {
		return fmt.Errorf("%w: invitation", store.ErrExists)
	}
	in.s.invitations[string(i.Hash)] = cloneInvitation(i)
	return nil
}

func (in invitations) Invitation(ctx context.Context, hash []byte) (store.Invitation, error) {
	if err := in.s.enter(ctx); err != nil {
		return store.Invitation{}, err
	}
	defer in.s.mu.Unlock()
	i, ok := in.s.invitations[string(hash)]
	if !ok {
		return store.Invitation{}, notFound("invitation")
	}
	return cloneInvitation(i), nil
}

func (in invitations) Redeem(ctx context.Context, hash []byte, now time.Time) (store.Invitation, error) {
	if err := in.s.enter(ctx); err != nil {
		return store.Invitation{}, err
	}
	defer in.s.mu.Unlock()
	i, ok := in.s.invitations[string(hash)]
	if !ok || !i.Good(now) {
		return store.Invitation{}, notFound("good invitation")
	}
	i.Uses--
	in.s.invitations[string(hash)] = i
	return cloneInvitation(i), nil
}

func (in invitations) Register(ctx context.Context, hash []byte, a store.Account) (store.Invitation, error) {
	if err := checkAccount(a); err != nil {
		return store.Invitation{}, err
	}
	if err := in.s.enter(ctx); err != nil {
		return store.Invitation{}, err
	}
	defer in.s.mu.Unlock()
	i, ok := in.s.invitations[string(hash)]
	if !ok || !i.Register {
		return store.Invitation{}, notFound("invitation to register")
	}
	if err := i.Take(); err != nil {
		return store.Invitation{}, err
	}
	if err := in.s.create(a); err != nil {
		return store.Invitation{}, err
	}
	in.s.invitations[string(hash)] = i
	return cloneInvitation(i), nil
}

func (in invitations) Reserved(ctx context.Context, account jid.JID, hash []byte, now time.Time) (bool, error) {
	if err := in.s.enter(ctx); err != nil {
		return false, err
	}
	defer in.s.mu.Unlock()
	return in.reserved(account, hash, now), nil
}

func (in invitations) Purge(ctx context.Context, before time.Time, max int) (int, error) {
	return purge(ctx, in.s, max, in.s.invitations, func(i store.Invitation) bool { return !i.Expires.After(before) })
}
