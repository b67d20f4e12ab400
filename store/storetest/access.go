package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"godwit/jid"
	"godwit/store"
)

// token is a token that is good for a day.
func token(salt string) store.Token {
	return store.Token{Salt: []byte(salt), Mechanism: "HT-SHA-256-NONE", Issued: noon, Expires: noon.Add(24 * time.Hour)}
}

// grant is alice's, to a client.
func grant(agent, salt string) store.Grant {
	return store.Grant{Account: alice, Agent: agent, ID: "id-" + agent, Software: "Godwit 0.1", Device: "desk", Address: "192.0.2.1",
		First: noon, Last: noon, Password: true, New: token(salt)}
}

func person(j jid.JID) store.Account {
	return store.Account{JID: j, Created: noon, Credentials: map[store.Hash]store.Credentials{
		"SHA-256": {Salt: []byte("s"), Iterations: 4096, StoredKey: []byte("k"), ServerKey: []byte("v")},
	}}
}

func use(agent, salt string, count uint32, after time.Duration) store.GrantUse {
	return store.GrantUse{Account: alice, Agent: agent, Salt: []byte(salt), Count: count, Address: "192.0.2.2", Now: noon.Add(after)}
}

var grantTests = map[string]func(*testing.T, Stores){
	"from the first token to the next": func(t *testing.T, s Stores) {
		if err := s.Grants.Issue(ctx, grant("a", "1"), 0); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a token for nobody: %v", err)
		}
		ok(t, s.Accounts.Create(ctx, person(alice)))
		want := grant("a", "1")
		ok(t, s.Grants.Issue(ctx, want, 0))
		if got := must[store.Grant](t)(s.Grants.Grant(ctx, alice, "a")); !cmp.Equal(got, want, cmpJID) {
			t.Errorf("%+v, want %+v", got, want)
		}
		ok(t, s.Grants.Use(ctx, use("a", "1", 0, time.Hour)))
		want.Current, want.New, want.Last, want.Address, want.Password = want.New, store.Token{}, noon.Add(time.Hour), "192.0.2.2", false
		if got := must[store.Grant](t)(s.Grants.Grant(ctx, alice, "a")); !cmp.Equal(got, want, cmpJID) {
			t.Errorf("used: %+v, want %+v", got, want)
		}
		// A new one beside it: the old one stays until the new one is used, and id and beginning stay for good.
		second := grant("a", "2")
		second.ID, second.First = "another", noon.Add(time.Hour)
		ok(t, s.Grants.Issue(ctx, second, 0))
		ok(t, s.Grants.Use(ctx, use("a", "1", 0, 2*time.Hour)))
		ok(t, s.Grants.Use(ctx, use("a", "2", 0, 3*time.Hour)))
		if err := s.Grants.Use(ctx, use("a", "1", 0, 4*time.Hour)); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the old one after the new one: %v", err)
		}
		got := must[store.Grant](t)(s.Grants.Grant(ctx, alice, "a"))
		if got.ID != "id-a" || !got.First.Equal(noon) || string(got.Current.Salt) != "2" || !got.New.IsZero() {
			t.Errorf("%+v", got)
		}
	},
	"one that was never used gives way": func(t *testing.T, s Stores) {
		ok(t, s.Accounts.Create(ctx, person(alice)))
		ok(t, s.Grants.Issue(ctx, grant("a", "1"), 0))
		ok(t, s.Grants.Issue(ctx, grant("a", "2"), 0))
		if err := s.Grants.Use(ctx, use("a", "1", 0, 0)); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the one that gave way: %v", err)
		}
		ok(t, s.Grants.Use(ctx, use("a", "2", 0, 0)))
	},
	"a token ends, and belongs to one client of one account": func(t *testing.T, s Stores) {
		ok(t, s.Accounts.Create(ctx, person(alice)))
		ok(t, s.Accounts.Create(ctx, person(bob)))
		ok(t, s.Grants.Issue(ctx, grant("a", "1"), 0))
		foreign := use("a", "1", 0, 0)
		foreign.Account = bob
		for why, u := range map[string]store.GrantUse{
			"too late": use("a", "1", 0, 24*time.Hour), "another client": use("b", "1", 0, 0), "another token": use("a", "2", 0, 0), "no token": use("a", "", 0, 0),
			"another account": foreign,
		} {
			if err := s.Grants.Use(ctx, u); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s: %v", why, err)
			}
		}
		ok(t, s.Grants.Use(ctx, use("a", "1", 0, 24*time.Hour-time.Microsecond)))
	},
	"of many with the same count one is first": func(t *testing.T, s Stores) {
		ok(t, s.Accounts.Create(ctx, person(alice)))
		ok(t, s.Grants.Issue(ctx, grant("a", "1"), 0))
		const n = 8
		errs := make(chan error, n)
		for range n {
			go func() { errs <- s.Grants.Use(ctx, use("a", "1", 5, 0)) }()
		}
		good := 0
		for range n {
			switch err := <-errs; {
			case err == nil:
				good++
			case !errors.Is(err, store.ErrExists):
				t.Error(err)
			}
		}
		if good != 1 {
			t.Errorf("%d got in", good)
		}
		if err := s.Grants.Use(ctx, use("a", "1", 4, 0)); !errors.Is(err, store.ErrExists) {
			t.Errorf("counted back: %v", err)
		}
		ok(t, s.Grants.Use(ctx, use("a", "1", 6, 0)))
	},
	"taken away": func(t *testing.T, s Stores) {
		ok(t, s.Accounts.Create(ctx, person(alice)))
		ok(t, s.Grants.Issue(ctx, grant("a", "1"), 0))
		ok(t, s.Grants.Issue(ctx, grant("b", "2"), 0))
		ok(t, s.Grants.Revoke(ctx, alice, "a"))
		if err := s.Grants.Revoke(ctx, alice, "a"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("twice: %v", err)
		}
		if err := s.Grants.Use(ctx, use("a", "1", 0, 0)); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("used all the same: %v", err)
		}
		ok(t, s.Accounts.SetCredentials(ctx, alice, person(alice).Credentials))
		if got := must[[]store.Grant](t)(s.Grants.Grants(ctx, alice)); len(got) != 0 {
			t.Errorf("after a new password: %+v", got)
		}
		ok(t, s.Grants.Issue(ctx, grant("a", "1"), 0))
		ok(t, s.Accounts.Remove(ctx, alice))
		ok(t, s.Accounts.Create(ctx, person(alice)))
		if err := s.Grants.Use(ctx, use("a", "1", 0, 0)); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("by whoever has the address now: %v", err)
		}
	},
	"no more than so many, and old ones go": func(t *testing.T, s Stores) {
		ok(t, s.Accounts.Create(ctx, person(alice)))
		for n := range 5 {
			g := grant(fmt.Sprint("a", n), fmt.Sprint(n))
			g.Last = noon.Add(time.Duration(n) * time.Minute)
			ok(t, s.Grants.Issue(ctx, g, 3))
		}
		var agents []string
		for _, g := range must[[]store.Grant](t)(s.Grants.Grants(ctx, alice)) {
			agents = append(agents, g.Agent)
		}
		if !cmp.Equal(agents, []string{"a4", "a3", "a2"}) {
			t.Error(agents)
		}
		if n := must[int](t)(s.Grants.Purge(ctx, noon.Add(24*time.Hour-time.Microsecond), 10)); n != 0 {
			t.Errorf("%d removed too early", n)
		}
		if n := must[int](t)(s.Grants.Purge(ctx, noon.Add(24*time.Hour), 2)); n != 2 {
			t.Errorf("%d removed", n)
		}
	},
	"bad ones": func(t *testing.T, s Stores) {
		for why, spoil := range map[string]func(*store.Grant){
			"no agent": func(g *store.Grant) { g.Agent = "" }, "no token": func(g *store.Grant) { g.New = store.Token{} },
			"a full address": func(g *store.Grant) { g.Account = phone }, "no times": func(g *store.Grant) { g.First = time.Time{} },
		} {
			g := grant("a", "1")
			spoil(&g)
			if err := s.Grants.Issue(ctx, g, 0); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%s: %v", why, err)
			}
		}
	},
}

// invitation is alice's, for one contact who may make an account.
func invitation(hash string) store.Invitation {
	return store.Invitation{Hash: []byte(hash), Inviter: alice, Contact: true, Register: true, Created: noon, Expires: noon.Add(time.Hour), Uses: 1}
}

var invitationTests = map[string]func(*testing.T, Stores){
	"used once": func(t *testing.T, s Stores) {
		want := invitation("h")
		if err := s.Invitations.Create(ctx, want, 0); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("by nobody: %v", err)
		}
		ok(t, s.Accounts.Create(ctx, person(alice)))
		ok(t, s.Invitations.Create(ctx, want, 0))
		if err := s.Invitations.Create(ctx, want, 0); !errors.Is(err, store.ErrExists) {
			t.Errorf("twice: %v", err)
		}
		if got := must[store.Invitation](t)(s.Invitations.Invitation(ctx, []byte("h"))); !cmp.Equal(got, want, cmpJID) {
			t.Errorf("%+v, want %+v", got, want)
		}
		if _, err := s.Invitations.Redeem(ctx, []byte("h"), noon.Add(time.Hour)); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("too late: %v", err)
		}
		const n = 8
		errs := make(chan error, n)
		for range n {
			go func() {
				_, err := s.Invitations.Redeem(ctx, []byte("h"), noon)
				errs <- err
			}()
		}
		good := 0
		for range n {
			if err := <-errs; err == nil {
				good++
			} else if !errors.Is(err, store.ErrNotFound) {
				t.Error(err)
			}
		}
		if good != 1 {
			t.Errorf("used %d times", good)
		}
		if got := must[store.Invitation](t)(s.Invitations.Invitation(ctx, []byte("h"))); got.Uses != 0 || got.Good(noon) {
			t.Errorf("afterwards %+v", got)
		}
	},
	"makes an account, all or nothing": func(t *testing.T, s Stores) {
		ok(t, s.Accounts.Create(ctx, person(alice)))
		i := invitation("h")
		i.Uses = 2
		ok(t, s.Invitations.Create(ctx, i, 0))
		if _, err := s.Invitations.Register(ctx, []byte("h"), person(alice)); !errors.Is(err, store.ErrExists) {
			t.Errorf("an account that is there: %v", err)
		}
		got := must[store.Invitation](t)(s.Invitations.Register(ctx, []byte("h"), person(bob)))
		if got.Uses != 1 || got.Inviter != alice || !got.Contact {
			t.Errorf("%+v", got)
		}
		must[store.Account](t)(s.Accounts.Get(ctx, bob))
		must[store.Invitation](t)(s.Invitations.Register(ctx, []byte("h"), person(carol)))
		dave := person(jid.MustParse("dave@example.org"))
		if _, err := s.Invitations.Register(ctx, []byte("h"), dave); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("used up: %v", err)
		}
		if _, err := s.Accounts.Get(ctx, dave.JID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("an account all the same: %v", err)
		}
		contact := invitation("c")
		contact.Register = false
		ok(t, s.Invitations.Create(ctx, contact, 0))
		if _, err := s.Invitations.Register(ctx, []byte("c"), dave); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("not for that: %v", err)
		}
	},
	"a limit, a reserved address, and the end": func(t *testing.T, s Stores) {
		ok(t, s.Accounts.Create(ctx, person(alice)))
		ok(t, s.Invitations.Create(ctx, invitation("1"), 2))
		ok(t, s.Invitations.Create(ctx, invitation("2"), 2))
		if err := s.Invitations.Create(ctx, invitation("3"), 2); !errors.Is(err, store.ErrLimit) {
			t.Errorf("too many: %v", err)
		}
		must[store.Invitation](t)(s.Invitations.Redeem(ctx, []byte("1"), noon))
		later := invitation("3")
		ok(t, s.Invitations.Create(ctx, later, 2))

		operator := store.Invitation{Hash: []byte("o"), Register: true, Account: carol, Created: noon, Expires: noon.Add(time.Hour), Uses: 1}
		ok(t, s.Invitations.Create(ctx, operator, 2))
		operator.Hash = []byte("p")
		if err := s.Invitations.Create(ctx, operator, 2); !errors.Is(err, store.ErrExists) {
			t.Errorf("the same address for another: %v", err)
		}
		operator.Account = alice
		if err := s.Invitations.Create(ctx, operator, 2); !errors.Is(err, store.ErrExists) {
			t.Errorf("an address that is taken: %v", err)
		}
		for _, c := range []struct {
			who  jid.JID
			hash []byte
			at   time.Time
			want bool
		}{{carol, nil, noon, true}, {carol, []byte("o"), noon, false}, {carol, nil, noon.Add(time.Hour), false}, {bob, nil, noon, false}} {
			if got := must[bool](t)(s.Invitations.Reserved(ctx, c.who, c.hash, c.at)); got != c.want {
				t.Errorf("%s %q: %v", c.who, c.hash, got)
			}
		}
		ok(t, s.Accounts.Remove(ctx, alice))
		if _, err := s.Invitations.Invitation(ctx, []byte("3")); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("of somebody who is gone: %v", err)
		}
		if n := must[int](t)(s.Invitations.Purge(ctx, noon, 10)); n != 0 {
			t.Errorf("%d removed too early", n)
		}
		if n := must[int](t)(s.Invitations.Purge(ctx, noon.Add(time.Hour), 10)); n != 1 {
			t.Errorf("%d removed", n)
		}
	},
	"bad ones": func(t *testing.T, s Stores) {
		for why, spoil := range map[string]func(*store.Invitation){
			"to nothing": func(i *store.Invitation) { i.Contact, i.Register = false, false }, "of nobody": func(i *store.Invitation) { i.Inviter = jid.JID{} },
			"without a use": func(i *store.Invitation) { i.Uses = 0 }, "without a token": func(i *store.Invitation) { i.Hash = nil },
			"one address for two": func(i *store.Invitation) { i.Account, i.Uses = carol, 2 }, "for ever": func(i *store.Invitation) { i.Expires = time.Time{} },
		} {
			i := invitation("h")
			spoil(&i)
			if err := s.Invitations.Create(ctx, i, 0); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%s: %v", why, err)
			}
		}
	},
}
