package storetest

import (
	"errors"
	"testing"
	"time"

	"godwit/store"
)

var seenTests = map[string]func(*testing.T, Stores){
	"the later replaces the earlier": func(t *testing.T, s Stores) {
		if _, err := s.LastSeen.LastSeen(ctx, alice); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("never seen: %v", err)
		}
		first := store.Seen{Owner: alice, Time: noon, Status: "bye \u2603"}
		second := store.Seen{Owner: alice, Time: noon.Add(time.Hour)}
		other := store.Seen{Owner: bob, Time: noon, Status: "x"}
		for _, seen := range [][]store.Seen{{first}, {first, second, other}} {
			_, err := commit(t, s.Commits, store.Batch{Seen: seen})
			ok(t, err)
			want := seen[0]
			if len(seen) > 1 {
				want = second
			}
			if got := must[store.Seen](t)(s.LastSeen.LastSeen(ctx, alice)); got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
		}
	},
	"bad ones are refused": func(t *testing.T, s Stores) {
		if err := s.Commits.Commit(store.Batch{Seen: []store.Seen{{Owner: phone, Time: noon}}}, nil); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("full owner: %v", err)
		}
		if _, err := s.LastSeen.LastSeen(ctx, phone); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("full owner asked for: %v", err)
		}
	},
}
