package pubsub

import (
	"context"
	"sync"

	"godwit/jid"
	"godwit/server/account"
	"godwit/stanza"
	"godwit/store"
	"godwit/xep/pubsub"
)

// tell sends a notice to those who follow the node and may read it: the owner's own sessions and contacts who see the owner's presence
// (XEP-0163 §4.3). What it costs the owner depends on how many they are.
func (r *Room) tell(n store.Node, ev pubsub.Event, bytes int) {
	to := account.Audience{Contacts: true}
	switch n.Config.Access {
	case store.AccessRoster:
		to.Groups, to.Only = n.Config.Groups, n.Config.Members
		to.Contacts = len(to.Groups)+len(to.Only) > 0
	case store.AccessWhitelist:
		to.Only = n.Config.Members
		to.Contacts = len(to.Only) > 0
	}
	contacts := r.cfg.Accounts.Notify(n.Owner, n.Name, notice(n.Owner, ev), to)
	r.budget.spend(n.Owner, contacts, bytes, r.cfg.Now())
}

func notice(owner jid.JID, ev pubsub.Event) *stanza.Stanza {
	return stanza.Build(stanza.Message, stanza.Headline, jid.JID{}, owner, newID(), ev.Encode)
}

// lateAtOnce is how many sessions are shown at a time what was published before they came.
const lateAtOnce = 4

// late holds the sessions that are still to be shown that. However often one asks, it waits once. mu guards all of it.
type late struct {
	show func(context.Context, *account.Session, *account.Follows)

	mu      sync.Mutex
	waiting map[*account.Session]*account.Follows
	working int
	closed  bool
	done    sync.WaitGroup
}

func newLate(show func(context.Context, *account.Session, *account.Follows)) *late {
	return &late{show: show, waiting: make(map[*account.Session]*account.Follows)}
}

func (l *late) add(s *account.Session, f *account.Follows) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.waiting[s] = f
	if l.working < lateAtOnce {
		l.working++
		l.done.Go(l.work)
	}
}

func (l *late) work() {
	for {
		s, f := l.take()
		if s == nil {
			return
		}
		l.show(context.Background(), s, f)
	}
}

// take gives the worker its next session, or nil and the worker ends.
func (l *late) take() (*account.Session, *account.Follows) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for s, f := range l.waiting {
		delete(l.waiting, s)
		return s, f
	}
	l.working--
	return nil, nil
}

func (l *late) close() {
	l.mu.Lock()
	l.closed = true
	clear(l.waiting)
	l.mu.Unlock()
	l.done.Wait()
}

// Following is the second half of [account.Watcher]: a session follows nodes from now on, and is sent the newest item of each that has one for
// it (XEP-0163 §4.3.3 to §4.3.5). It does not wait.
func (r *Room) Following(s *account.Session, f *account.Follows) { r.late.add(s, f) }

func (r *Room) showLast(ctx context.Context, s *account.Session, f *account.Follows) {
	owner := s.Owner()
	for _, publisher := range append([]jid.JID{owner}, r.cfg.Accounts.Sees(owner)...) {
		all, err := r.nodes.of(ctx, publisher)
		if err != nil {
			r.cfg.Log.Error("the nodes of an account could not be read", "account", publisher.String(), "error", err)
			return
		}
		for _, n := range all {
			if n.Config.SendLast == store.SendOnPresence && f.Has(n.Name) && r.toldOf(n, owner) {
				r.showLastOf(ctx, s, n)
			}
		}
	}
}

// toldOf reports whether somebody gets notices of a node: who may read it and sees the owner's presence.
func (r *Room) toldOf(n store.Node, who jid.JID) bool {
	if who == n.Owner {
		return true
	}
	c, err := r.cfg.Accounts.Contact(n.Owner, who)
	return err == nil && c.From && r.mayRead(n, who) == nil
}

func (r *Room) showLastOf(ctx context.Context, s *account.Session, n store.Node) {
	defer r.lock(n.Owner).Unlock() // not an old one behind the notice of a newer one
	items, err := r.cfg.Store.Items(ctx, n.Owner, n.Name, store.ItemQuery{Max: 1})
	if err != nil {
		r.cfg.Log.Error("the items of a node could not be read", "account", n.Owner.String(), "node", n.Name, "error", err)
		return
	}
	for _, it := range items {
		item := pubsub.Item{ID: it.ID}
		if n.Config.DeliverPayloads {
			if item.Payload, err = payloadOf(it); err != nil {
				r.cfg.Log.Error("a stored item is damaged", "account", n.Owner.String(), "node", n.Name, "error", err)
				return
			}
		}
		r.cfg.Accounts.GiveFollower(s, n.Name, notice(n.Owner, pubsub.Event{Action: pubsub.Publish, Node: n.Name, Items: []pubsub.Item{item}}))
	}
}
