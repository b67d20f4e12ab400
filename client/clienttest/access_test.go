package clienttest

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"godwit/client"
	"godwit/jid"
	"godwit/sasl"
	"godwit/server"
	"godwit/server/invite"
	"godwit/store"
)

func withoutPassword(cfg *client.Config) { cfg.Password = "" }

// mechanism waits for a sign-in and tells how it was made.
func mechanism(t *testing.T, p *person) sasl.Mechanism {
	t.Helper()
	return p.online().Mechanism
}

// end waits for the client to end and tells why it did.
func end(t *testing.T, p *person) error {
	t.Helper()
	select {
	case err := <-p.ended:
		p.ended <- err
		return err
	case <-time.After(deadline):
		t.Fatalf("%s goes on: %s", p.jid, p.told())
		return nil
	}
}

func TestWithoutPassword(t *testing.T) {
	w := newWorld(t)
	if err := end(t, w.join("alice", withoutPassword)); !errors.Is(err, client.ErrSignInAgain) || client.Code(err) != "auth" {
		t.Errorf("neither password nor token: %v", err)
	}
	first := w.join("alice")
	if m := mechanism(t, first); m.ForTokens() {
		t.Errorf("the first sign-in used %s", m)
	}
	if err := first.c.Close(); err != nil {
		t.Fatal(err)
	}
	// A new run on the same cache needs no password, over and over.
	for range 3 {
		again := w.joinWith("alice", first.cache, withoutPassword)
		if m := mechanism(t, again); m != sasl.HTSHA256Exporter {
			t.Errorf("signed in with %s", m)
		}
		if err := again.c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	// Signed out from elsewhere: the device must be signed in again, and says so.
	lost, other := w.joinWith("alice", first.cache, withoutPassword), w.join("alice")
	mechanism(t, lost)
	mechanism(t, other)
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	all, err := other.c.Devices(ctx)
	if err != nil || len(all) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	for _, d := range all {
		if d.Current != d.Password || !d.Token || !d.Online || d.ID == "" || d.Software != "Godwit 0.1" {
			t.Errorf("%+v", d)
		}
		if !d.Current {
			if err := other.c.SignOut(ctx, d.ID); err != nil {
				t.Error(err)
			}
		}
	}
	if err := end(t, lost); !errors.Is(err, client.ErrSignInAgain) {
		t.Errorf("the device that was signed out: %v", err)
	}
	if err := end(t, w.joinWith("alice", first.cache, withoutPassword)); !errors.Is(err, client.ErrSignInAgain) {
		t.Errorf("and the next time: %v", err)
	}
	// With the password it is back.
	if m := mechanism(t, w.joinWith("alice", first.cache)); m.ForTokens() {
		t.Errorf("signed in again with %s", m)
	}
}

func TestSignOutOfOneWithPassword(t *testing.T) {
	w := newWorld(t)
	phone, desk := w.join("alice"), w.join("alice")
	mechanism(t, phone)
	mechanism(t, desk)
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	all, err := desk.c.Devices(ctx)
	if err != nil || len(all) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	for _, d := range all {
		if !d.Current {
			err = desk.c.SignOut(ctx, d.ID)
		}
	}
	if !errors.Is(err, client.ErrKnowsPassword) || client.Code(err) != "password-reset-required" {
		t.Error(err)
	}
	if err := desk.c.SignOutSelf(ctx); err != nil {
		t.Error(err)
	}
	if err := end(t, desk); !errors.Is(err, client.ErrSignedOut) || client.Code(err) != "signed-out" {
		t.Error(err)
	}
	if err := end(t, w.joinWith("alice", desk.cache, withoutPassword)); !errors.Is(err, client.ErrSignInAgain) {
		t.Errorf("the token was kept: %v", err)
	}
}

func TestChangePassword(t *testing.T) {
	w := newWorld(t)
	first := w.join("alice")
	mechanism(t, first)
	if err := first.c.Close(); err != nil {
		t.Fatal(err)
	}
	p := w.joinWith("alice", first.cache, withoutPassword)
	mechanism(t, p)
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	if err := p.c.ChangePassword(ctx, "", "better"); client.Code(err) != "not-authorized" {
		t.Errorf("without the old one: %v", err)
	}
	if err := p.c.ChangePassword(ctx, "wrong", "better"); client.Code(err) != "not-authorized" {
		t.Errorf("with a wrong one: %v", err)
	}
	if err := p.c.ChangePassword(ctx, password, "better"); err != nil {
		t.Fatal(err)
	}
	// It goes on with the new password, in the same session, and has a token again.
	await(p, "the other", func(o client.Online) bool { return o.Resumed && !o.Mechanism.ForTokens() })
	if err := p.c.Close(); err != nil {
		t.Fatal(err)
	}
	if m := mechanism(t, w.joinWith("alice", p.cache, withoutPassword)); !m.ForTokens() {
		t.Errorf("signed in with %s", m)
	}
	if err := end(t, w.join("alice")); client.Code(err) != "auth" {
		t.Errorf("with the old password: %v", err)
	}
}

func TestInvitations(t *testing.T) {
	w := newWorld(t, func(c *server.Config) { c.Invite = invite.Accounts })
	alice, bob := w.join("alice"), w.join("bob")
	mechanism(t, alice)
	mechanism(t, bob)
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	i, err := alice.c.Invite(ctx, client.InviteAccount)
	if err != nil || i.Expires.IsZero() {
		t.Fatalf("%+v, %v", i, err)
	}
	u, err := client.ParseInvitation(i.URI)
	if err != nil || !u.Register {
		t.Fatalf("%+v, %v", u, err)
	}
	dave := jid.MustParse("dave@localhost")
	for why, c := range map[string]struct {
		cfg  client.RegisterConfig
		want error
	}{
		"no invitation":       {client.RegisterConfig{JID: dave}, client.ErrNotInvited},
		"one that is none":    {client.RegisterConfig{JID: dave, Token: "guess"}, client.ErrBadInvitation},
		"a name that is gone": {client.RegisterConfig{JID: bob.jid, Token: u.Token}, client.ErrNameTaken},
	} {
		c.cfg.Dialer, c.cfg.Password = w, password
		if err := client.Register(ctx, c.cfg); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", why, err)
		}
	}
	if err := client.Register(ctx, client.RegisterConfig{JID: dave, Password: password, Token: u.Token, Dialer: w}); err != nil {
		t.Fatal(err)
	}
	guest := w.join("dave")
	await(guest, "the other", func(p client.PresenceChanged) bool { return p.From.Bare() == alice.jid && p.Available })
	await(alice, "the other", func(p client.PresenceChanged) bool { return p.From.Bare() == dave && p.Available })
	if err := client.Register(ctx, client.RegisterConfig{JID: jid.MustParse("erin@localhost"), Password: password, Token: u.Token, Dialer: w}); !errors.Is(err, client.ErrBadInvitation) {
		t.Errorf("used up: %v", err)
	}
	// To somebody who has an account: both are contacts, and nobody was asked.
	if i, err = alice.c.Invite(ctx, client.InviteContact); err != nil {
		t.Fatal(err)
	}
	if from, err := bob.c.UseInvitation(ctx, i.URI); err != nil || from != alice.jid {
		t.Fatal(from, err)
	}
	await(bob, "the other", func(p client.PresenceChanged) bool { return p.From.Bare() == alice.jid && p.Available })
	await(alice, "the other", func(p client.PresenceChanged) bool { return p.From.Bare() == bob.jid && p.Available })
	alice.mu.Lock()
	defer alice.mu.Unlock()
	for _, e := range alice.events {
		if _, asked := e.(client.SubscriptionAsked); asked {
			t.Error("somebody was asked")
		}
	}
}

// all is what revoking changes one method of.
type all = store.Grants

// revoking takes a client's access away in the moment it is used, before there is a session to end.
type revoking struct {
	all
	on atomic.Bool
}

func (r *revoking) Use(ctx context.Context, u store.GrantUse) error {
	err := r.all.Use(ctx, u)
	if err == nil && r.on.Load() {
		err = r.Revoke(ctx, u.Account, u.Agent)
	}
	return err
}

func TestSignedOutWhileSigningIn(t *testing.T) {
	var grants *revoking
	w := newWorld(t, func(c *server.Config) {
		grants = &revoking{all: c.Store.Grants}
		c.Store.Grants = grants
	})
	first := w.join("alice")
	first.online()
	if err := first.c.Close(); err != nil {
		t.Fatal(err)
	}
	grants.on.Store(true)
	p := w.joinWith("alice", first.cache, withoutPassword)
	if err := end(t, p); !errors.Is(err, client.ErrSignInAgain) {
		t.Error(err)
	}
	if n := count(p, func(client.Online) bool { return true }); n != 0 {
		t.Errorf("it was online %d times", n)
	}
	if n := w.server.Accounts.Counters.Sessions.Load(); n != 0 {
		t.Errorf("%d sessions stay", n)
	}
}
