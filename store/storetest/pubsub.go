package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"godwit/jid"
	"godwit/store"
)

func nodeOf(owner jid.JID, name string, max int) store.Node {
	return store.Node{Owner: owner, Name: name, Created: noon, Config: store.NodeConfig{
		Title: "T", Description: "D", Type: "urn:example", Access: store.AccessRoster, Groups: []string{"Friends", "朋友"}, Members: []jid.JID{carol},
		Persist: true, MaxItems: max, SendLast: store.SendOnPresence, NotifyRetract: true, DeliverPayloads: true,
	}}
}

func makeNode(t *testing.T, s Stores, owner jid.JID, name string, max int) store.Node {
	t.Helper()
	n := nodeOf(owner, name, max)
	ok(t, s.PubSub.Create(ctx, n, store.NodeLimits{}))
	return n
}

func published(id string) store.NodeItem {
	return store.NodeItem{ID: id, Time: noon, Payload: fmt.Appendf(nil, "<item xmlns='urn:example'>%s</item>", id)}
}

func publish(t *testing.T, s Stores, owner jid.JID, node string, ids ...string) (gone []string) {
	t.Helper()
	for _, id := range ids {
		gone = append(gone, must[[]string](t)(s.PubSub.Publish(ctx, owner, node, published(id), store.NodeLimits{}))...)
	}
	return gone
}

// items are the ids of what a question is answered with.
func items(t *testing.T, s Stores, owner jid.JID, node string, q store.ItemQuery) string {
	t.Helper()
	var ids []string
	for _, it := range must[[]store.NodeItem](t)(s.PubSub.Items(ctx, owner, node, q)) {
		if want := published(it.ID); !it.Time.Equal(want.Time) || string(it.Payload) != string(want.Payload) {
			t.Errorf("item %+v, want %+v", it, want)
		}
		ids = append(ids, it.ID)
	}
	return strings.Join(ids, " ")
}

var pubsubTests = map[string]func(*testing.T, Stores){
	"a node is made, found, configured and removed": func(t *testing.T, s Stores) {
		if _, err := s.PubSub.Node(ctx, alice, "n"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("no node: %v", err)
		}
		want := makeNode(t, s, alice, "n", 3)
		if got := must[store.Node](t)(s.PubSub.Node(ctx, alice, "n")); !cmp.Equal(got, want, cmpJID) {
			t.Errorf("%+v, want %+v", got, want)
		}
		if err := s.PubSub.Create(ctx, want, store.NodeLimits{}); !errors.Is(err, store.ErrExists) {
			t.Errorf("made twice: %v", err)
		}
		makeNode(t, s, bob, "n", 1)
		makeNode(t, s, alice, "a", 1)
		want.Config = store.NodeConfig{Access: store.AccessOpen, Persist: true, MaxItems: 5, SendLast: store.SendNever, NotifyDelete: true}
		ok(t, s.PubSub.Configure(ctx, alice, "n", want.Config))
		all := must[[]store.Node](t)(s.PubSub.Nodes(ctx, alice))
		if len(all) != 2 || all[0].Name != "a" || !cmp.Equal(all[1], want, cmpJID) {
			t.Errorf("%+v", all)
		}
		publish(t, s, alice, "n", "i")
		ok(t, s.PubSub.Delete(ctx, alice, "n"))
		for what, err := range map[string]error{
			"removed twice": s.PubSub.Delete(ctx, alice, "n"), "configured after its end": s.PubSub.Configure(ctx, alice, "n", want.Config),
		} {
			if !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s: %v", what, err)
			}
		}
		makeNode(t, s, alice, "n", 3)
		if got := items(t, s, alice, "n", store.ItemQuery{}); got != "" {
			t.Errorf("a new node has %s", got)
		}
		must[store.Node](t)(s.PubSub.Node(ctx, bob, "n"))
	},
	"so many nodes and no more": func(t *testing.T, s Stores) {
		ok(t, s.PubSub.Create(ctx, nodeOf(alice, "a", 1), store.NodeLimits{Nodes: 2}))
		ok(t, s.PubSub.Create(ctx, nodeOf(bob, "a", 1), store.NodeLimits{Nodes: 2}))
		ok(t, s.PubSub.Create(ctx, nodeOf(alice, "b", 1), store.NodeLimits{Nodes: 2}))
		if err := s.PubSub.Create(ctx, nodeOf(alice, "c", 1), store.NodeLimits{Nodes: 2}); !errors.Is(err, store.ErrLimit) {
			t.Errorf("%v", err)
		}
		if all := must[[]store.Node](t)(s.PubSub.Nodes(ctx, alice)); len(all) != 2 {
			t.Errorf("%d nodes", len(all))
		}
	},
	"items are in order of publication, the newest are kept": func(t *testing.T, s Stores) {
		makeNode(t, s, alice, "n", 3)
		makeNode(t, s, alice, "other", 3)
		publish(t, s, alice, "other", "x")
		if gone := publish(t, s, alice, "n", "a", "b", "c", "a"); gone != nil {
			t.Errorf("gone: %v", gone)
		}
		if gone := publish(t, s, alice, "n", "d"); !slices.Equal(gone, []string{"b"}) {
			t.Errorf("gone: %v", gone)
		}
		for want, q := range map[string]store.ItemQuery{
			"c a d": {}, "d": {Max: 1}, "a d": {Max: 2}, "c d": {IDs: []string{"d", "c", "b"}}, "": {IDs: []string{"x"}}, "c": {Before: "a"}, "a": {Before: "d", Max: 1},
			"a d ": {After: "c"}, "a ": {After: "c", Max: 1, Oldest: true}, " d": {After: "c", Max: 1}, "c a ": {Max: 2, Oldest: true}, " ": {After: "x"}, "  ": {Before: "x"}, "   ": {After: "d"}, "a  ": {After: "c", Before: "d"},
		} {
			if got := items(t, s, alice, "n", q); got != strings.TrimSpace(want) {
				t.Errorf("%+v: %s, want %s", q, got, want)
			}
		}
		if got := items(t, s, alice, "nowhere", store.ItemQuery{}); got != "" {
			t.Errorf("on no node: %s", got)
		}
	},
	"what is not kept is not there": func(t *testing.T, s Stores) {
		n := nodeOf(alice, "n", 1)
		n.Config.Persist = false
		ok(t, s.PubSub.Create(ctx, n, store.NodeLimits{}))
		publish(t, s, alice, "n", "a")
		if got := items(t, s, alice, "n", store.ItemQuery{}); got != "" {
			t.Errorf("%s", got)
		}
	},
	"a smaller node lets go": func(t *testing.T, s Stores) {
		n := makeNode(t, s, alice, "n", 5)
		publish(t, s, alice, "n", "a", "b", "c")
		n.Config.MaxItems = 2
		ok(t, s.PubSub.Configure(ctx, alice, "n", n.Config))
		if got := items(t, s, alice, "n", store.ItemQuery{}); got != "b c" {
			t.Errorf("%s", got)
		}
		n.Config.Persist = false
		ok(t, s.PubSub.Configure(ctx, alice, "n", n.Config))
		if got := items(t, s, alice, "n", store.ItemQuery{}); got != "" {
			t.Errorf("%s", got)
		}
	},
	"retract and purge": func(t *testing.T, s Stores) {
		makeNode(t, s, alice, "n", 5)
		publish(t, s, alice, "n", "a", "b", "c")
		ok(t, s.PubSub.Retract(ctx, alice, "n", "b"))
		if err := s.PubSub.Retract(ctx, alice, "n", "b"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("twice: %v", err)
		}
		if got := items(t, s, alice, "n", store.ItemQuery{}); got != "a c" {
			t.Errorf("%s", got)
		}
		ok(t, s.PubSub.Purge(ctx, alice, "n"))
		if got := items(t, s, alice, "n", store.ItemQuery{}); got != "" {
			t.Errorf("%s", got)
		}
		publish(t, s, alice, "n", "d")
		if got := items(t, s, alice, "n", store.ItemQuery{}); got != "d" {
			t.Errorf("%s", got)
		}
	},
	"so many bytes and no more": func(t *testing.T, s Stores) {
		makeNode(t, s, alice, "n", 10)
		makeNode(t, s, alice, "m", 1)
		room := store.NodeLimits{Bytes: 3 * published("a").Size()}
		for _, put := range []struct {
			node, id string
			err      error
		}{
			{"n", "a", nil}, {"n", "b", nil}, {"m", "c", nil},
			{"n", "d", store.ErrLimit}, {"n", "a", nil}, {"m", "d", nil}, // what takes the place of another needs no more
		} {
			if _, err := s.PubSub.Publish(ctx, alice, put.node, published(put.id), room); !errors.Is(err, put.err) {
				t.Errorf("%s on %s: %v", put.id, put.node, err)
			}
		}
		if got := items(t, s, alice, "n", store.ItemQuery{}); got != "b a" {
			t.Errorf("%s", got)
		}
		ok(t, s.PubSub.Retract(ctx, alice, "n", "b"))
		_, err := s.PubSub.Publish(ctx, alice, "n", published("d"), room)
		ok(t, err)
		ok(t, s.PubSub.Delete(ctx, alice, "m"))
		_, err = s.PubSub.Publish(ctx, alice, "n", published("e"), room)
		ok(t, err)
	},
	"many publish at once": func(t *testing.T, s Stores) {
		makeNode(t, s, alice, "n", 100)
		var all sync.WaitGroup
		for i := range 40 {
			all.Go(func() { publish(t, s, alice, "n", fmt.Sprintf("i%d", i)) })
		}
		all.Wait()
		if got := items(t, s, alice, "n", store.ItemQuery{}); len(strings.Fields(got)) != 40 {
			t.Errorf("%s", got)
		}
	},
	"bad ones are refused": func(t *testing.T, s Stores) {
		makeNode(t, s, alice, "n", 1)
		for what, change := range map[string]func(*store.Node){
			"full owner": func(n *store.Node) { n.Owner = phone }, "no name": func(n *store.Node) { n.Name = "" }, "no time": func(n *store.Node) { n.Created = time.Time{} },
			"long name": func(n *store.Node) { n.Name = strings.Repeat("n", store.MaxNodeName+1) }, "access": func(n *store.Node) { n.Config.Access = "all" },
			"no items": func(n *store.Node) { n.Config.MaxItems = 0 }, "too many items": func(n *store.Node) { n.Config.MaxItems = store.MaxNodeItems + 1 },
			"send last": func(n *store.Node) { n.Config.SendLast = "" }, "full member": func(n *store.Node) { n.Config.Members = []jid.JID{phone} },
		} {
			n := nodeOf(alice, "m", 1)
			change(&n)
			if err := s.PubSub.Create(ctx, n, store.NodeLimits{}); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%s: %v", what, err)
			}
		}
		for what, it := range map[string]store.NodeItem{
			"no id": {Time: noon, Payload: []byte("<x/>")}, "no time": {ID: "i", Payload: []byte("<x/>")}, "no payload": {ID: "i", Time: noon},
			"long id": {ID: strings.Repeat("i", store.MaxItemID+1), Time: noon, Payload: []byte("<x/>")},
		} {
			if _, err := s.PubSub.Publish(ctx, alice, "n", it, store.NodeLimits{}); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if _, err := s.PubSub.Publish(ctx, alice, "m", published("i"), store.NodeLimits{}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("no node: %v", err)
		}
		if err := s.PubSub.Configure(ctx, alice, "n", store.NodeConfig{}); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("empty configuration: %v", err)
		}
		for what, err := range map[string]error{
			"nodes": err2(s.PubSub.Nodes(ctx, phone)), "node": err2(s.PubSub.Node(ctx, phone, "n")), "items": err2(s.PubSub.Items(ctx, phone, "n", store.ItemQuery{})),
		} {
			if !errors.Is(err, store.ErrInvalid) {
				t.Errorf("%s of a full owner: %v", what, err)
			}
		}
	},
}

func err2[T any](_ T, err error) error { return err }
