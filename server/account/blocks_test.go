package account_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"godwit/jid"
	"godwit/server/account"
	"godwit/store"
)

// TestBlocks holds addresses against a blocklist (XEP-0191 §5). What looks like a way around a block, such as another resource, other capitals
// or the nickname of a room, is stopped or let through exactly as the list says.
func TestBlocks(t *testing.T) {
	w := newWorld(t, account.Limits{})
	alice := w.account(t, "alice")
	for _, row := range []struct {
		why         string
		item, who   string
		blocked     bool
		differently string // how else the address is written
	}{
		{"the person", "mallory@b.example", "mallory@b.example", true, "MALLORY@b.example"},
		{"any resource of the person", "mallory@b.example", "mallory@b.example/x", true, "Mallory@B.EXAMPLE/x"},
		{"somebody else at the same place", "mallory@b.example", "bob@b.example/x", false, ""},
		{"one resource", "mallory@b.example/x", "mallory@b.example/x", true, ""},
		{"another resource", "mallory@b.example/x", "mallory@b.example/y", false, ""},
		{"resources differ by capitals", "mallory@b.example/x", "mallory@b.example/X", false, ""},
		{"the person, by one resource", "mallory@b.example/x", "mallory@b.example", false, ""},
		{"one in a room", "room@rooms.example/mallory", "room@rooms.example/mallory", true, "ROOM@rooms.example/mallory"},
		{"another in the room", "room@rooms.example/mallory", "room@rooms.example/bob", false, ""},
		{"the whole room", "room@rooms.example", "room@rooms.example/bob", true, ""},
		{"a domain", "spam.example", "spam.example", true, "Spam.Example"},
		{"all at the domain", "spam.example", "a@spam.example/x", true, ""},
		{"a resource of the domain", "spam.example", "spam.example/x", true, ""},
		{"that resource alone", "spam.example/x", "spam.example/x", true, ""},
		{"not the domain", "spam.example/x", "a@spam.example", false, ""},
		{"not what lies below the domain", "spam.example", "a@sub.spam.example", false, ""},
		{"oneself", "localhost", "alice@localhost/phone", false, ""},
		{"one's own server", "localhost", "localhost", false, ""},
		{"one's neighbour", "localhost", "bob@localhost/x", true, ""},
	} {
		if err := w.store.Blocklist().Clear(t.Context(), alice); err != nil {
			t.Fatal(err)
		}
		if err := w.store.Blocklist().Add(t.Context(), alice, []jid.JID{jid.MustParse(row.item)}, 0); err != nil {
			t.Fatal(err)
		}
		w.ForgetBlocks(alice)
		who := []string{row.who}
		if row.differently != "" {
			who = append(who, row.differently)
		}
		for _, who := range who {
			if blocked, err := w.Blocks(t.Context(), alice, jid.MustParse(who)); err != nil || blocked != row.blocked {
				t.Errorf("%s: %s blocked, %s: %v, %v", row.why, row.item, who, blocked, err)
			}
		}
	}
}

// slowList answers what was true when it was asked, later.
type slowList struct {
	store.Blocklist
	mu   sync.Mutex
	hold func() // called once, between reading and answering
	fail error
}

func (s *slowList) Load(ctx context.Context, owner jid.JID) ([]jid.JID, error) {
	list, err := s.Blocklist.Load(ctx, owner)
	s.mu.Lock()
	hold, fail := s.hold, s.fail
	s.hold = nil
	s.mu.Unlock()
	if hold != nil {
		hold()
	}
	return list, errors.Join(err, fail)
}

// TestBlocksNotStale has a list change while an older state of it is being read: the older one must not be remembered.
func TestBlocksNotStale(t *testing.T) {
	slow := &slowList{}
	w := newWorldWith(t, account.Limits{}, func(c *account.Config) { slow.Blocklist, c.Blocklist = c.Blocklist, slow })
	alice, mallory := w.account(t, "alice"), jid.MustParse("mallory@localhost")
	s := w.Join(jid.MustParse("alice@localhost/a"), newOutlet(), account.SessionOptions{})
	w.ForgetBlocks(alice)
	slow.hold = func() {
		if bad := w.Block(t.Context(), s, []jid.JID{mallory}); bad != nil {
			t.Error(bad)
		}
	}
	if _, err := w.Blocks(t.Context(), alice, mallory); err != nil {
		t.Fatal(err)
	}
	if blocked, err := w.Blocks(t.Context(), alice, mallory); err != nil || !blocked {
		t.Errorf("blocked: %v, %v", blocked, err)
	}
	// What cannot be read lets nobody through, and is read again.
	w.ForgetBlocks(alice)
	slow.mu.Lock()
	slow.fail = errors.New("disk")
	slow.mu.Unlock()
	if blocked, err := w.Blocks(t.Context(), alice, jid.MustParse("bob@localhost")); err == nil || !blocked {
		t.Errorf("unreadable: %v, %v", blocked, err)
	}
	slow.mu.Lock()
	slow.fail = nil
	slow.mu.Unlock()
	if blocked, err := w.Blocks(t.Context(), alice, jid.MustParse("bob@localhost")); err != nil || blocked {
		t.Errorf("readable again: %v, %v", blocked, err)
	}
}
