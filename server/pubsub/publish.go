package pubsub

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"godwit/jid"
	"godwit/server/handler"
	"godwit/stanza"
	"godwit/store"
	"godwit/xep/dataform"
	"godwit/xep/pubsub"
)

// publish takes one item (XEP-0060 §7.1, XEP-0163 §3).
func (r *Room) publish(ctx context.Context, q *handler.Request, in pubsub.Request) (handler.Answer, error) {
	if err := checkType(in.Form, pubsub.PublishOptions); err != nil {
		return nil, err
	}
	if len(in.Items) == 0 {
		return nil, pubsub.Fail(stanza.ErrBadRequest(), "item-required")
	}
	if len(in.Items) > 1 {
		return nil, stanza.ErrBadRequest().WithText("one item at a time")
	}
	item := in.Items[0]
	if item.Payload.IsZero() {
		return nil, pubsub.Fail(stanza.ErrBadRequest(), "payload-required")
	}
	payload, err := item.Payload.Append(nil, "")
	if err != nil {
		return nil, stanza.ErrBadRequest()
	}
	if len(payload) > r.cfg.Limits.Payload {
		return nil, pubsub.Fail(stanza.ErrNotAcceptable(), "payload-too-big")
	}
	n, err := r.ready(ctx, q.Account, in)
	if err != nil {
		return nil, err
	}
	if item.ID == "" {
		item.ID = newID()
	}
	gone, err := r.cfg.Store.Publish(ctx, q.Account, n.Name, store.NodeItem{ID: strings.Clone(item.ID), Time: r.cfg.Now(), Payload: payload}, r.limits())
	if err != nil {
		return nil, storeError(err)
	}
	notice := pubsub.Event{Action: pubsub.Publish, Node: n.Name, Items: []pubsub.Item{item}}
	if !n.Config.DeliverPayloads {
		notice.Items = []pubsub.Item{{ID: item.ID}}
	}
	r.tell(n, notice, len(payload))
	if n.Config.NotifyRetract && n.Config.MaxItems > 1 && len(gone) > 0 { // those of one item are understood to replace it
		r.tell(n, pubsub.Event{Action: pubsub.Publish, Node: n.Name, Retracted: gone}, 0)
	}
	return pubsub.Request{Action: pubsub.Publish, Node: n.Name, Items: []pubsub.Item{{ID: item.ID}}}.Encode, nil
}

// ready finds the node to publish on, and makes it if there is none (XEP-0060 §7.1.4). Options are then its configuration, else what it must be.
func (r *Room) ready(ctx context.Context, owner jid.JID, in pubsub.Request) (store.Node, error) {
	n, err := r.node(ctx, owner, in.Node)
	switch {
	case err == nil && !holds(n.Config, in.Form):
		return n, pubsub.Fail(stanza.ErrConflict(), "precondition-not-met")
	case err == nil:
		return n, nil
	case !errors.Is(err, stanza.ErrItemNotFound()):
		return n, err
	}
	return r.make(ctx, owner, in.Node, in.Form)
}

// make makes a node.
func (r *Room) make(ctx context.Context, owner jid.JID, name string, f dataform.Form) (store.Node, error) {
	config, err := apply(initial(), f)
	if err != nil {
		return store.Node{}, err
	}
	n := store.Node{Owner: owner, Name: strings.Clone(name), Created: r.cfg.Now(), Config: config}
	if err := r.cfg.Store.Create(ctx, n, r.limits()); err != nil {
		return n, storeError(err)
	}
	r.nodes.forget(owner)
	return n, nil
}

func (r *Room) create(ctx context.Context, owner jid.JID, in pubsub.Request) error {
	if err := checkType(in.Form, pubsub.NodeConfig); err != nil {
		return err
	}
	r.budget.spend(owner, 0, 0, r.cfg.Now())
	_, err := r.make(ctx, owner, in.Node, in.Form)
	return err
}

// retract takes one item back (XEP-0060 §7.2).
func (r *Room) retract(ctx context.Context, q *handler.Request, in pubsub.Request) error {
	if len(in.Items) != 1 || in.Items[0].ID == "" {
		return pubsub.Fail(stanza.ErrBadRequest(), "item-required")
	}
	n, err := r.node(ctx, q.Account, in.Node)
	if err != nil {
		return err
	}
	id := in.Items[0].ID
	if err := r.cfg.Store.Retract(ctx, q.Account, n.Name, id); err != nil {
		return storeError(err)
	}
	if in.Notify || n.Config.NotifyRetract {
		r.tell(n, pubsub.Event{Action: pubsub.Publish, Node: n.Name, Retracted: []string{id}}, 0)
	}
	return nil
}

func (r *Room) configure(ctx context.Context, n store.Node, in pubsub.Owner) error {
	switch {
	case in.Form.Type == dataform.TypeCancel:
		return nil
	case in.Form.Type == "":
		return stanza.ErrBadRequest()
	}
	if err := checkType(in.Form, pubsub.NodeConfig); err != nil {
		return err
	}
	config, err := apply(n.Config, in.Form)
	if err != nil {
		return err
	}
	return r.change(ctx, n, config)
}

func (r *Room) change(ctx context.Context, n store.Node, config store.NodeConfig) error {
	r.budget.spend(n.Owner, 0, 0, r.cfg.Now())
	defer r.nodes.forget(n.Owner)
	if err := r.cfg.Store.Configure(ctx, n.Owner, n.Name, config); err != nil {
		return storeError(err)
	}
	return nil
}

// maxMembers bounds who may be named for one node.
const maxMembers = 500

// affiliate names who may read a node in spite of its access model (XEP-0060 §8.9.2).
func (r *Room) affiliate(ctx context.Context, n store.Node, in pubsub.Owner) error {
	config := n.Config
	config.Members = slices.Clone(config.Members)
	for _, a := range in.Affiliations {
		who := a.JID.Bare()
		config.Members = slices.DeleteFunc(config.Members, func(m jid.JID) bool { return m == who })
		switch a.Affiliation {
		case pubsub.AffiliationMember:
			config.Members = append(config.Members, who)
		case pubsub.AffiliationNone:
		case pubsub.AffiliationOwner:
			if who != n.Owner {
				return stanza.ErrNotAcceptable().WithText("an account's nodes have one owner")
			}
		default:
			return stanza.ErrNotAcceptable().WithText("here there are owner, member and none")
		}
		if who == n.Owner && a.Affiliation != pubsub.AffiliationOwner {
			return stanza.ErrNotAcceptable().WithText("an account's nodes are its own")
		}
	}
	if len(config.Members) > maxMembers {
		return stanza.ErrResourceConstraint()
	}
	return r.change(ctx, n, config)
}

func affiliations(n store.Node) []pubsub.Affiliation {
	list := []pubsub.Affiliation{{JID: n.Owner, Affiliation: pubsub.AffiliationOwner}}
	for _, m := range n.Config.Members {
		list = append(list, pubsub.Affiliation{JID: m, Affiliation: pubsub.AffiliationMember})
	}
	return list
}

func (r *Room) remove(ctx context.Context, n store.Node) error {
	defer r.nodes.forget(n.Owner)
	if err := r.cfg.Store.Delete(ctx, n.Owner, n.Name); err != nil {
		return storeError(err)
	}
	if n.Config.NotifyDelete {
		r.tell(n, pubsub.Event{Action: pubsub.Delete, Node: n.Name}, 0)
	}
	return nil
}

func (r *Room) purge(ctx context.Context, n store.Node) error {
	if err := r.cfg.Store.Purge(ctx, n.Owner, n.Name); err != nil {
		return storeError(err)
	}
	if n.Config.NotifyRetract {
		r.tell(n, pubsub.Event{Action: pubsub.Purge, Node: n.Name}, 0)
	}
	return nil
}

func (r *Room) limits() store.NodeLimits {
	return store.NodeLimits{Nodes: r.cfg.Limits.Nodes, Bytes: r.cfg.Limits.Bytes}
}

func newID() string {
	var b [9]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
