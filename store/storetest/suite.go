package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"godwit/jid"
	"godwit/store"
)

// Stores is one opened implementation.
type Stores struct {
	Accounts    store.Accounts
	Roster      store.Roster
	Archive     store.Archive
	Inbox       store.Inbox
	LastSeen    store.LastSeen
	Blocklist   store.Blocklist
	PubSub      store.PubSub
	Secrets     store.Secrets
	Uploads     store.Uploads
	Grants      store.Grants
	Invitations store.Invitations
	Commits     store.Committer
	// Close ends it. The suite calls it once.
	Close func() error
	// Reopen opens the same data again after Close; nil if nothing is kept.
	Reopen func(t *testing.T) Stores
	// Second opens the same data beside the first, as another process would; nil if it cannot be done.
	Second func(t *testing.T) Stores
}

// Run runs the suite. open returns an empty store; each test gets its own.
func Run(t *testing.T, open func(t *testing.T) Stores) {
	for _, group := range []struct {
		name  string
		tests map[string]func(*testing.T, Stores)
	}{
		{"accounts", accountTests}, {"roster", rosterTests}, {"archive", archiveTests}, {"prefs", prefsTests},
		{"inbox", inboxTests}, {"commit", commitTests}, {"seen", seenTests}, {"uploads", uploadTests}, {"grants", grantTests}, {"invitations", invitationTests}, {"blocklist", blocklistTests}, {"pubsub", pubsubTests}, {"secrets", secretTests}, {"lasting", lastingTests},
	} {
		for name, test := range group.tests {
			t.Run(group.name+"/"+name, func(t *testing.T) {
				s := open(t)
				closed := false
				closeOnce := s.Close
				s.Close = func() error {
					if closed {
						return nil
					}
					closed = true
					return closeOnce()
				}
				t.Cleanup(func() {
					if err := s.Close(); err != nil {
						t.Errorf("close: %v", err)
					}
				})
				test(t, s)
			})
		}
	}
}

var (
	ctx   = context.Background()
	alice = jid.MustParse("alice@example.org")
	bob   = jid.MustParse("bob@example.org")
	carol = jid.MustParse("carol@example.net")
	phone = jid.MustParse("bob@example.org/phone")
	desk  = jid.MustParse("bob@example.org/desk")
	noon  = time.Date(2026, 3, 1, 12, 0, 0, 123_456_000, time.UTC)
)

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		ok(t, err)
		return v
	}
}

type outcome struct {
	result store.Result
	err    error
}

// commit hands over a batch and waits for its outcome.
func commit(t *testing.T, c store.Committer, b store.Batch) (store.Result, error) {
	t.Helper()
	ch := make(chan outcome, 1)
	ok(t, c.Commit(b, func(r store.Result, err error) { ch <- outcome{r, err} }))
	o := <-ch
	return o.result, o.err
}

// entry is a message of bob's in alice's archive.
func entry(n int) store.ArchiveEntry {
	return store.ArchiveEntry{
		Owner: alice, With: phone, Time: noon.Add(time.Duration(n) * time.Second), Sender: bob,
		OriginID: fmt.Sprintf("o%d", n), Stanza: fmt.Appendf(nil, "<message id='%d'/>", n),
	}
}

// archive stores entries in one batch and returns their ids.
func archive(t *testing.T, s Stores, entries ...store.ArchiveEntry) []int64 {
	t.Helper()
	r, err := commit(t, s.Commits, store.Batch{Archive: entries})
	ok(t, err)
	ids := make([]int64, len(entries))
	for i, a := range r.Archive {
		ids[i] = a.ID
	}
	return ids
}

func waiting(owner jid.JID, text string) store.InboxAdd {
	return store.InboxAdd{Entry: store.InboxEntry{Owner: owner, Time: noon, Stanza: []byte(text)}}
}

func withCancel() (context.Context, context.CancelFunc) { return context.WithCancel(ctx) }
