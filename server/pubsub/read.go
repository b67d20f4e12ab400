package pubsub

import (
	"context"
	"slices"

	"godwit/jid"
	"godwit/server/handler"
	"godwit/stanza"
	"godwit/store"
	"godwit/xep/dataform"
	"godwit/xep/disco"
	"godwit/xep/pubsub"
	"godwit/xep/rsm"
	"godwit/xmlstream"
)

// Bounds of one answer.
const (
	pageItems = 500
	pageBytes = 256 << 10 // of payloads; one item is always there
	maxIDs    = 500       // asked for by name
)

// mayRead decides who may read a node (XEP-0060 §4.5, §6.5.9), from the owner's roster.
func (r *Room) mayRead(n store.Node, who jid.JID) error {
	who = who.Bare()
	if who == n.Owner || n.Config.Access == store.AccessOpen || slices.Contains(n.Config.Members, who) {
		return nil
	}
	if n.Config.Access == store.AccessWhitelist {
		return pubsub.Fail(stanza.ErrNotAllowed(), "closed-node")
	}
	c, err := r.cfg.Accounts.Contact(n.Owner, who)
	if err != nil {
		return err
	}
	switch {
	case n.Config.Access == store.AccessPresence && !c.From:
		return pubsub.Fail(stanza.ErrNotAuthorized(), "presence-subscription-required")
	case n.Config.Access == store.AccessRoster && !slices.ContainsFunc(c.Groups, func(g string) bool { return slices.Contains(n.Config.Groups, g) }):
		return pubsub.Fail(stanza.ErrNotAuthorized(), "not-in-roster-group")
	}
	return nil
}

// fetch answers with items: those named, or the newest, or a page (XEP-0060 §6.5).
func (r *Room) fetch(ctx context.Context, q *handler.Request, in pubsub.Request) (handler.Answer, error) {
	if in.Node == "" {
		return nil, pubsub.Fail(stanza.ErrBadRequest(), "nodeid-required")
	}
	n, err := r.node(ctx, q.Account, in.Node)
	if err != nil {
		return nil, err
	}
	if err := r.mayRead(n, q.Session.JID); err != nil {
		return nil, err
	}
	if len(in.Items) > maxIDs {
		return nil, stanza.ErrNotAcceptable().WithText("so many items can not be asked for at once")
	}
	ask, most := question(in)
	list, err := r.cfg.Store.Items(ctx, n.Owner, n.Name, ask)
	if err != nil {
		return nil, storeError(err)
	}
	page, cut := bound(list, most, ask.Oldest)
	out := pubsub.Request{Action: pubsub.Fetch, Node: n.Name}
	for _, it := range page {
		payload, err := payloadOf(it)
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, pubsub.Item{ID: it.ID, Payload: payload})
	}
	if len(page) > 0 && (cut || in.Page != rsm.Request{}) {
		out.Range = rsm.Result{First: page[0].ID, Last: page[len(page)-1].ID}
	}
	return out.Encode, nil
}

// question turns a request into the store's, which is for one item more than wanted, so that it shows whether there is more.
func question(in pubsub.Request) (store.ItemQuery, int) {
	most := pageItems
	if in.Max > 0 {
		most = min(most, in.Max)
	}
	if in.Page.Max.Set {
		most = min(most, max(in.Page.Max.Value, 1))
	}
	ask := store.ItemQuery{Max: most + 1, Before: in.Page.Before, After: in.Page.After}
	ask.Oldest = in.Page != rsm.Request{} && !in.Page.Backward
	for _, it := range in.Items {
		if it.ID != "" {
			ask.IDs = append(ask.IDs, it.ID)
		}
	}
	return ask, most
}

// bound cuts a page to size: the newest items stay, or with forward the oldest. cut tells whether something went.
func bound(list []store.NodeItem, most int, forward bool) (page []store.NodeItem, cut bool) {
	size, n := 0, 0
	for n < len(list) && n < most {
		it := list[n]
		if !forward {
			it = list[len(list)-1-n]
		}
		if size += len(it.Payload); size > pageBytes && n > 0 {
			break
		}
		n++
	}
	if forward {
		return list[:n], n < len(list)
	}
	return list[len(list)-n:], n < len(list)
}

// payloadOf reads a payload back.
func payloadOf(it store.NodeItem) (xmlstream.Node, error) {
	el, err := xmlstream.ParseElement(it.Payload, xmlstream.ServerLimits())
	if err != nil {
		return xmlstream.Node{}, err
	}
	return el.Tree()
}

// Items lists the nodes of an account that somebody may read, for discovery (XEP-0060 §5.2, XEP-0163 §6.2).
func (r *Room) Items(ctx context.Context, owner, who jid.JID) ([]disco.Item, error) {
	all, err := r.nodes.of(ctx, owner)
	if err != nil {
		return nil, storeError(err)
	}
	var list []disco.Item
	for _, n := range all {
		if r.mayRead(n, who) == nil {
			list = append(list, disco.Item{JID: owner, Node: n.Name, Name: n.Config.Title})
		}
	}
	return list, nil
}

// Info describes one node to who may read it (XEP-0060 §5.3, §5.4).
func (r *Room) Info(ctx context.Context, owner, who jid.JID, name string) (disco.Info, error) {
	n, err := r.node(ctx, owner, name)
	if err == nil {
		err = r.mayRead(n, who)
	}
	if err != nil {
		return disco.Info{}, err
	}
	about := form(n.Config)
	meta := dataform.New(dataform.TypeResult, pubsub.MetaData)
	for _, f := range about.Fields {
		switch f.Var {
		case "pubsub#title", "pubsub#description", "pubsub#type", "pubsub#access_model", "pubsub#max_items":
			meta.Fields = append(meta.Fields, dataform.Field{Var: f.Var, Type: f.Type, Label: f.Label, Values: f.Values})
		}
	}
	return disco.Info{
		Node: name, Identities: []disco.Identity{{Category: "pubsub", Type: "leaf", Name: n.Config.Title}},
		Features: []string{pubsub.NS}, Forms: []dataform.Form{meta},
	}, nil
}
