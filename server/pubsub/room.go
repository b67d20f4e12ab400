package pubsub

import (
	"context"
	"errors"
	"hash/maphash"
	"log/slog"
	"sync"
	"time"

	"godwit/jid"
	"godwit/server/account"
	"godwit/server/handler"
	"godwit/stanza"
	"godwit/store"
	"godwit/xep/pubsub"
)

// Limits bound what one account may publish. Zero values mean the defaults.
type Limits struct {
	Nodes   int   // 100
	Bytes   int64 // of payloads and ids on all nodes together; 10 MiB
	Payload int   // bytes of one payload; 128 KiB
}

func (l Limits) withDefaults() Limits {
	if l.Nodes == 0 {
		l.Nodes = 100
	}
	if l.Bytes == 0 {
		l.Bytes = 10 << 20
	}
	if l.Payload == 0 {
		l.Payload = 128 << 10
	}
	return l
}

// Config is what a room is made of; all but Limits is required.
type Config struct {
	Store    store.PubSub
	Accounts *account.Registry
	Limits   Limits
	Now      func() time.Time
	Log      *slog.Logger
}

const stripes = 64

// Room answers requests about nodes and sends the notices. Each lock in writers guards the order of changes to the nodes of some accounts: what
// is stored first is told first. Safe for concurrent use.
type Room struct {
	cfg     Config
	seed    maphash.Seed
	writers [stripes]sync.Mutex
	nodes   nodeCache
	budget  budget
	late    *late
}

// New returns a room.
func New(cfg Config) *Room {
	cfg.Limits = cfg.Limits.withDefaults()
	r := &Room{cfg: cfg, seed: maphash.MakeSeed()}
	r.nodes = nodeCache{store: cfg.Store, m: make(map[jid.JID][]store.Node)}
	r.budget.m = make(map[jid.JID]*bucket)
	r.late = newLate(r.showLast)
	return r
}

// Register adds the handlers of this room.
func (r *Room) Register(t *handler.Table) {
	t.Register(pubsub.NS, "pubsub", stanza.Get, handler.Self|handler.Other, r.get)
	t.Register(pubsub.NS, "pubsub", stanza.Set, handler.Self|handler.Other, r.set)
	t.Register(pubsub.OwnerNS, "pubsub", stanza.Get, handler.Self|handler.Other, r.ownerGet)
	t.Register(pubsub.OwnerNS, "pubsub", stanza.Set, handler.Self|handler.Other, r.ownerSet)
}

// Features are what the room announces of an account (XEP-0163 §6.1, XEP-0060 §10).
func Features() []string {
	list := []string{pubsub.NS}
	for _, f := range []string{
		"access-open", "access-presence", "access-roster", "access-whitelist", "auto-create", "auto-subscribe", "config-node", "config-node-max",
		"create-and-configure", "create-nodes", "delete-items", "delete-nodes", "filtered-notifications", "item-ids", "last-published",
		"member-affiliation", "modify-affiliations", "multi-items", "persistent-items", "presence-notifications", "publish", "publish-options", "purge-nodes",
		"retract-items", "retrieve-items", "rsm",
	} {
		list = append(list, pubsub.NS+"#"+f)
	}
	return list
}

// ServerFeatures are announced by the domain as well, because there are clients that look nowhere else before they publish with options.
func ServerFeatures() []string { return []string{pubsub.NS + "#publish-options"} }

// Close ends what goes on beside requests and waits for it. Nothing may follow it.
func (r *Room) Close() { r.late.close() }

// Removed forgets what was known of an account that is no more.
func (r *Room) Removed(owner jid.JID) { r.nodes.forget(owner) }

// lock holds the changes to an account's nodes one after another.
func (r *Room) lock(owner jid.JID) *sync.Mutex {
	m := &r.writers[maphash.Comparable(r.seed, owner)%stripes]
	m.Lock()
	return m
}

// get answers <items/>, the only thing that can be asked (XEP-0060 §6.5).
func (r *Room) get(ctx context.Context, q *handler.Request) (handler.Answer, error) {
	in, err := pubsub.Parse(q.Payload)
	if err != nil {
		return nil, err
	}
	if in.Action != pubsub.Fetch {
		return nil, stanza.ErrBadRequest()
	}
	return r.fetch(ctx, q, in)
}

func (r *Room) set(ctx context.Context, q *handler.Request) (handler.Answer, error) {
	in, err := pubsub.Parse(q.Payload)
	if err != nil {
		return nil, err
	}
	switch in.Action {
	case pubsub.Fetch:
		return nil, stanza.ErrBadRequest()
	case pubsub.Subscribe, pubsub.Unsubscribe: // whoever sees the presence is subscribed, and asks for notices by capabilities (XEP-0163 §4.3)
		return nil, pubsub.ErrUnsupported("subscribe")
	}
	if q.Target != handler.Self { // XEP-0163 §2: only the owner publishes
		return nil, stanza.ErrForbidden()
	}
	if in.Node == "" { // XEP-0060 §8.1.3: no names are made up here
		return nil, pubsub.Fail(stanza.ErrNotAcceptable(), "nodeid-required")
	}
	if !r.budget.affordable(q.Account, r.cfg.Now()) {
		return nil, errTooFast()
	}
	defer r.lock(q.Account).Unlock()
	switch in.Action {
	case pubsub.Publish:
		return r.publish(ctx, q, in)
	case pubsub.Retract:
		return nil, r.retract(ctx, q, in)
	}
	return nil, r.create(ctx, q.Account, in)
}

func (r *Room) ownerGet(ctx context.Context, q *handler.Request) (handler.Answer, error) {
	in, n, err := r.owned(ctx, q)
	if err != nil {
		return nil, err
	}
	switch in.Action {
	case pubsub.Configure:
		return pubsub.Owner{Action: pubsub.Configure, Node: n.Name, Form: form(n.Config)}.Encode, nil
	case pubsub.Affiliations:
		return pubsub.Owner{Action: pubsub.Affiliations, Node: n.Name, Affiliations: affiliations(n)}.Encode, nil
	}
	return nil, stanza.ErrBadRequest()
}

func (r *Room) ownerSet(ctx context.Context, q *handler.Request) (handler.Answer, error) {
	if q.Target != handler.Self {
		return nil, stanza.ErrForbidden()
	}
	if !r.budget.affordable(q.Account, r.cfg.Now()) {
		return nil, errTooFast()
	}
	defer r.lock(q.Account).Unlock()
	in, n, err := r.owned(ctx, q)
	if err != nil {
		return nil, err
	}
	switch in.Action {
	case pubsub.Configure:
		return nil, r.configure(ctx, n, in)
	case pubsub.Affiliations:
		return nil, r.affiliate(ctx, n, in)
	case pubsub.Delete:
		return nil, r.remove(ctx, n)
	case pubsub.Purge:
		return nil, r.purge(ctx, n)
	}
	return nil, stanza.ErrBadRequest()
}

// owned reads a request that only the owner may make, and finds the node.
func (r *Room) owned(ctx context.Context, q *handler.Request) (in pubsub.Owner, n store.Node, err error) {
	if q.Target != handler.Self {
		return in, n, stanza.ErrForbidden()
	}
	if in, err = pubsub.ParseOwner(q.Payload); err != nil {
		return in, n, err
	}
	if in.Node == "" {
		return in, n, pubsub.Fail(stanza.ErrBadRequest(), "nodeid-required")
	}
	n, err = r.node(ctx, q.Account, in.Node)
	return in, n, err
}

// node finds a node, or item-not-found.
func (r *Room) node(ctx context.Context, owner jid.JID, name string) (store.Node, error) {
	all, err := r.nodes.of(ctx, owner)
	if err != nil {
		return store.Node{}, storeError(err)
	}
	for i := range all {
		if all[i].Name == name {
			return all[i], nil
		}
	}
	return store.Node{}, stanza.ErrItemNotFound()
}

func errTooFast() error {
	return stanza.ErrResourceConstraint().WithType(stanza.Wait).WithText("this account has published too much at once")
}

func storeError(err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return stanza.ErrItemNotFound()
	case errors.Is(err, store.ErrExists):
		return stanza.ErrConflict()
	case errors.Is(err, store.ErrLimit):
		return stanza.ErrResourceConstraint().WithText("this account publishes as much as it may")
	case errors.Is(err, store.ErrBusy), errors.Is(err, store.ErrFull), errors.Is(err, store.ErrClosed):
		return stanza.ErrResourceConstraint()
	case errors.Is(err, store.ErrInvalid):
		return stanza.ErrBadRequest()
	}
	return err
}
