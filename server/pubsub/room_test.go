package pubsub

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"godwit/jid"
	"godwit/server/account"
	"godwit/server/handler"
	"godwit/stanza"
	"godwit/store"
	"godwit/store/memory"
	"godwit/xep/dataform"
	"godwit/xep/pubsub"
	"godwit/xmlstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	alice = jid.MustParse("alice@localhost")
	noon  = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

func newRoom(t *testing.T, limits Limits, now *time.Time) (*Room, *memory.Store) {
	t.Helper()
	s := memory.New()
	log := slog.New(slog.DiscardHandler)
	accounts := account.NewRegistry(account.Config{
		Domain: jid.MustParse("localhost"), Accounts: s.Accounts(), Rosters: s.Roster(), Inbox: s.Inbox(), LastSeen: s.LastSeen(), Blocklist: s.Blocklist(),
		Commits: s, Log: log, Route: func(*stanza.Stanza) {}, Notice: func(*stanza.Stanza, string) {},
	})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return New(Config{Store: s.PubSub(), Accounts: accounts, Limits: limits, Now: func() time.Time { return *now }, Log: log}), s
}

// do makes a request of alice's.
func do(t *testing.T, r *Room, f handler.Func, payload interface{ Encode(*xmlstream.Encoder) }) error {
	t.Helper()
	iq := stanza.Build(stanza.IQ, stanza.Set, alice, alice, "1", payload.Encode)
	n, ok := iq.PayloadNode()
	if !ok {
		t.Fatal("no payload")
	}
	_, err := f(t.Context(), &handler.Request{IQ: iq, Payload: n, Target: handler.Self, Account: alice})
	return err
}

func publication(node, id string, bytes int) pubsub.Request {
	return pubsub.Request{Action: pubsub.Publish, Node: node, Items: []pubsub.Item{{ID: id, Payload: xmlstream.NewNode("urn:example", "x").WithText(strings.Repeat("x", bytes))}}}
}

func condition(err error) string {
	if bad, ok := err.(*stanza.Error); ok {
		return bad.Condition + " " + bad.App.Name.Local
	}
	return fmt.Sprint(err)
}

// TestFloods: an account that publishes without end is held up by what it costs others, and fills neither memory nor disk.
func TestFloods(t *testing.T) {
	now := noon
	r, s := newRoom(t, Limits{Nodes: 3, Bytes: 20_000, Payload: 10_000}, &now)
	for i := range 3 {
		if err := do(t, r, r.set, publication(fmt.Sprint("n", i), "i", 100)); err != nil {
			t.Fatal(err)
		}
	}
	if err := do(t, r, r.set, publication("n3", "i", 100)); condition(err) != "resource-constraint " {
		t.Errorf("a node too many: %v", err)
	}
	if err := do(t, r, r.set, publication("n0", "i", 10_001)); condition(err) != "not-acceptable payload-too-big" {
		t.Errorf("a payload too big: %v", err)
	}
	if err := do(t, r, r.set, publication("n0", "i", 9_900)); err != nil {
		t.Error(err)
	}
	if err := do(t, r, r.set, publication("n1", "i", 9_900)); err != nil {
		t.Error(err)
	}
	if err := do(t, r, r.set, publication("n2", "i", 9_900)); condition(err) != "resource-constraint " {
		t.Errorf("more bytes than allowed: %v", err)
	}
	refused := 0
	for i := range 3 * budgetMost {
		if err := do(t, r, r.set, publication("n2", "i", 10)); err != nil {
			if condition(err) != "resource-constraint " {
				t.Fatal(err)
			}
			if refused = i; refused > 0 {
				break
			}
		}
	}
	if refused == 0 || refused > budgetMost {
		t.Errorf("the flood was stopped after %d", refused)
	}
	for what, req := range map[string]struct {
		f handler.Func
		p interface{ Encode(*xmlstream.Encoder) }
	}{
		"create":    {r.set, pubsub.Request{Action: pubsub.Create, Node: "n9"}},
		"retract":   {r.set, pubsub.Request{Action: pubsub.Retract, Node: "n0", Items: []pubsub.Item{{ID: "i"}}}},
		"purge":     {r.ownerSet, pubsub.Owner{Action: pubsub.Purge, Node: "n0"}},
		"delete":    {r.ownerSet, pubsub.Owner{Action: pubsub.Delete, Node: "n0"}},
		"configure": {r.ownerSet, pubsub.Owner{Action: pubsub.Configure, Node: "n0", Form: dataform.New(dataform.TypeSubmit, pubsub.NodeConfig)}},
	} {
		if err := do(t, r, req.f, req.p); condition(err) != "resource-constraint " {
			t.Errorf("%s: %v", what, err)
		}
	}
	now = now.Add(time.Second)
	if err := do(t, r, r.set, publication("n2", "i", 10)); err != nil {
		t.Errorf("after a rest: %v", err)
	}
	if all, err := s.PubSub().Nodes(t.Context(), alice); err != nil || len(all) != 3 {
		t.Errorf("%d nodes, %v", len(all), err)
	}
}

// TestAmplification: what is published costs as much as it makes others carry.
func TestAmplification(t *testing.T) {
	b := budget{m: map[jid.JID]*bucket{}}
	for _, row := range []struct {
		contacts, bytes, most int
	}{{0, 100, budgetMost}, {1000, 100, 20}, {5000, 100, 4}, {5000, 100 << 10, 1}} {
		n := 0
		for b.affordable(alice, noon) {
			b.spend(alice, row.contacts, row.bytes, noon)
			n++
		}
		if n > row.most {
			t.Errorf("%d contacts, %d bytes: %d times at once", row.contacts, row.bytes, n)
		}
		if b.affordable(jid.MustParse("bob@localhost"), noon) == false {
			t.Error("somebody else is held up")
		}
		b = budget{m: map[jid.JID]*bucket{}}
	}
	for i := range maxBuckets + 10 { // those that have rested are forgotten
		b.spend(jid.MustParse(fmt.Sprintf("u%d@localhost", i)), 0, 0, noon.Add(time.Duration(i)*time.Second))
	}
	if len(b.m) > maxBuckets {
		t.Errorf("%d accounts are remembered", len(b.m))
	}
}

func TestPreconditions(t *testing.T) {
	options := func(fields ...string) dataform.Form {
		f := dataform.New(dataform.TypeSubmit, pubsub.PublishOptions)
		for i := 0; i < len(fields); i += 2 {
			f.Fields = append(f.Fields, dataform.Field{Var: fields[i], Values: []string{fields[i+1]}})
		}
		return f
	}
	private := initial()
	private.Access, private.MaxItems = store.AccessWhitelist, store.MaxNodeItems
	for _, row := range []struct {
		why    string
		config store.NodeConfig
		form   dataform.Form
		want   bool
	}{
		{"nothing is demanded", initial(), dataform.Form{}, true},
		{"what it is", private, options("pubsub#access_model", "whitelist", "pubsub#max_items", "max", "pubsub#persist_items", "true"), true},
		{"a boolean in another spelling", private, options("pubsub#persist_items", "1"), true},
		{"open instead of private", private, options("pubsub#access_model", "open"), false},
		{"private instead of for contacts", initial(), options("pubsub#access_model", "whitelist"), false},
		{"more items", initial(), options("pubsub#max_items", "2"), false},
		{"what can not be", initial(), options("pubsub#access_model", "authorize"), false},
		{"what is always so", initial(), options("pubsub#publish_model", "publishers"), true},
		{"what is never so", initial(), options("pubsub#publish_model", "open"), false},
		{"what is not known", initial(), options("pubsub#item_expire", "60"), true},
	} {
		if got := holds(row.config, row.form); got != row.want {
			t.Errorf("%s: %v", row.why, got)
		}
	}
	if _, err := apply(initial(), options("pubsub#max_items", "0")); err == nil {
		t.Error("a node of no items")
	}
	if _, err := apply(initial(), options("pubsub#max_items", "10001")); err == nil {
		t.Error("a node of too many items")
	}
	for _, f := range fields { // what is written is read as the same
		c, ok := initial(), false
		if ok = f.read(&c, f.write(c)); !ok || fmt.Sprint(c) != fmt.Sprint(initial()) {
			t.Errorf("%s: %v %+v", f.name, ok, c)
		}
	}
}

func TestPagesAreBounded(t *testing.T) {
	var list []store.NodeItem
	for i := range 10 {
		list = append(list, store.NodeItem{ID: fmt.Sprint(i), Payload: make([]byte, pageBytes/4)})
	}
	for _, row := range []struct {
		most        int
		forward     bool
		first, last string
		cut         bool
	}{{100, false, "6", "9", true}, {100, true, "0", "3", true}, {2, false, "8", "9", true}, {2, true, "0", "1", true}} {
		page, cut := bound(list, row.most, row.forward)
		if page[0].ID != row.first || page[len(page)-1].ID != row.last || cut != row.cut {
			t.Errorf("%+v: %s to %s, %v", row, page[0].ID, page[len(page)-1].ID, cut)
		}
	}
	if page, cut := bound([]store.NodeItem{{ID: "big", Payload: make([]byte, 2*pageBytes)}}, 10, false); len(page) != 1 || cut {
		t.Error("a large item is never shown")
	}
}

// TestLateOnes: whoever comes and goes without end is shown what there is once at a time, and nothing goes on after the end.
func TestLateOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		shown, atOnce, most := 0, 0, 0
		l := newLate(func(context.Context, *account.Session, *account.Follows) {
			mu.Lock()
			atOnce++
			most = max(most, atOnce)
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			atOnce--
			shown++
			mu.Unlock()
		})
		same := &account.Session{}
		for range 1000 {
			l.add(same, nil)
		}
		for range 20 {
			l.add(&account.Session{}, nil)
		}
		time.Sleep(time.Hour)
		mu.Lock()
		defer mu.Unlock()
		if shown > 20+lateAtOnce+1 || shown < 21 || most > lateAtOnce {
			t.Errorf("shown %d times, %d at once", shown, most)
		}
		l.close()
		l.add(same, nil) // a worker that began would not end with the test
	})
}
