package memory_test

import (
	"testing"

	"go.uber.org/goleak"

	"godwit/store/memory"
	"godwit/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) {
	storetest.Run(t, func(*testing.T) storetest.Stores {
		s := memory.New()
		return storetest.Stores{
			Accounts: s.Accounts(), Roster: s.Roster(), Archive: s.Archive(), Inbox: s.Inbox(), LastSeen: s.LastSeen(), Blocklist: s.Blocklist(), PubSub: s.PubSub(), Secrets: s.Secrets(), Uploads: s.Uploads(), Grants: s.Grants(), Invitations: s.Invitations(),
			Commits: s, Close: s.Close,
		}
	})
}
