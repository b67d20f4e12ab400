// Package archive answers queries of an account's message archive (XEP-0313) and keeps its preferences (XEP-0441). Writing to the archive is
// part of delivering a message and belongs to server/deliver; what is kept for whom is decided by [Policy] here.
package archive

import (
	"context"
	"errors"

	"godwit/jid"
	"godwit/server/account"
	"godwit/server/handler"
	"godwit/stanza"
	"godwit/store"
	"godwit/xep/archive"
	"godwit/xep/forward"
	"godwit/xep/rsm"
	"godwit/xmlstream"
)

// defaultPage is the number of results when the client does not say (XEP-0313 §4.3.1).
const defaultPage = 50

// Register adds the handlers of this room.
func Register(t *handler.Table, s store.Archive, p *Policy, accounts *account.Registry) {
	room := &room{store: s, policy: p, accounts: accounts}
	t.Register(archive.NS, "query", stanza.Set, handler.Self, room.query)
	t.Register(archive.NS, "query", stanza.Get, handler.Self, room.fields)
	t.Register(archive.NS, "metadata", stanza.Get, handler.Self, room.metadata)
	t.Register(archive.NS, "prefs", stanza.Get, handler.Self, room.prefs)
	t.Register(archive.NS, "prefs", stanza.Set, handler.Self, room.setPrefs)
}

type room struct {
	store    store.Archive
	policy   *Policy
	accounts *account.Registry
}

// fields tells what a query may filter by (§4.1.6).
func (room *room) fields(context.Context, *handler.Request) (handler.Answer, error) {
	return archive.Fields{}.Encode, nil
}

// query sends the page that was asked for as messages, then its end as the result (§4.2, §4.3).
func (room *room) query(ctx context.Context, r *handler.Request) (handler.Answer, error) {
	q, err := archive.ParseQuery(r.Payload)
	if err != nil {
		return nil, err
	}
	if q.Node != "" {
		return nil, stanza.ErrItemNotFound()
	}
	r.Session.ArchiveRead()
	question, bad := question(r.Account, q)
	if bad != nil {
		return nil, bad
	}
	page, err := room.store.Query(ctx, question)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, stanza.ErrItemNotFound() // §4.3.1: the client asked to begin where nothing is
	case errors.Is(err, store.ErrInvalid):
		return nil, stanza.ErrBadRequest()
	case err != nil:
		return nil, err
	}
	cut(&page, question.Backward)
	results := make([]*stanza.Stanza, 0, len(page.Entries))
	for _, entry := range page.Entries {
		st, err := account.ParseStored(entry.Stanza)
		if err != nil {
			return nil, err
		}
		results = append(results, result(r, q.QueryID, entry, st))
	}
	if q.FlipPage {
		for i, j := 0, len(results)-1; i < j; i, j = i+1, j-1 {
			results[i], results[j] = results[j], results[i]
		}
	}
	room.accounts.GiveAll(r.Session, results)
	fin := archive.Fin{Complete: page.Complete}
	if len(page.Entries) > 0 {
		fin.Page.First, fin.Page.Last = account.FormatID(page.First), account.FormatID(page.Last)
	}
	if page.Count >= 0 {
		fin.Page.Count = rsm.Some(page.Count)
	}
	return fin.Encode, nil
}

// pageBytes bounds the results of one query: whoever asks must be able to take them at once, because the server does not wait for clients.
const pageBytes = 256 << 10

// cut shortens a page to pageBytes, but not below one message, at the end the client has not asked to begin with.
func cut(p *store.ArchivePage, backward bool) {
	total := 0
	for i := range p.Entries {
		e := &p.Entries[i]
		if backward {
			e = &p.Entries[len(p.Entries)-1-i]
		}
		if total += len(e.Stanza); total <= pageBytes || i == 0 {
			continue
		}
		if backward {
			p.Entries = p.Entries[len(p.Entries)-i:]
		} else {
			p.Entries = p.Entries[:i]
		}
		p.First, p.Last, p.Complete = p.Entries[0].ID, p.Entries[len(p.Entries)-1].ID, false
		return
	}
}

func result(r *handler.Request, queryID string, entry store.ArchiveEntry, st *stanza.Stanza) *stanza.Stanza {
	return stanza.Build(stanza.Message, stanza.Normal, r.Session.JID, r.Account, "", func(e *xmlstream.Encoder) {
		archive.Result{QueryID: queryID, ID: account.FormatID(entry.ID), Forwarded: forward.New(st, entry.Time)}.Encode(e)
	})
}

// question turns a client's query into the store's. Ids of another shape than ours are in no archive of this server.
func question(owner jid.JID, q archive.Query) (store.ArchiveQuery, *stanza.Error) {
	out := store.ArchiveQuery{
		Owner: owner, With: q.With, Start: q.Start, End: q.End, Backward: q.Page.Backward,
		Max: defaultPage, Count: true,
	}
	if q.Page.Max.Set {
		out.Max = min(q.Page.Max.Value, store.MaxArchivePage)
	}
	for _, id := range []struct {
		text string
		into *int64
	}{{q.AfterID, &out.AfterID}, {q.BeforeID, &out.BeforeID}, {q.Page.After, &out.After}, {q.Page.Before, &out.Before}} {
		if id.text == "" {
			continue
		}
		n, ok := account.ParseID(id.text)
		if !ok {
			return out, stanza.ErrItemNotFound()
		}
		*id.into = n
	}
	for _, text := range q.IDs {
		n, ok := account.ParseID(text)
		if !ok {
			return out, stanza.ErrItemNotFound()
		}
		out.IDs = append(out.IDs, n)
	}
	if len(out.IDs) > store.MaxArchiveIDs {
		return out, stanza.ErrPolicyViolation()
	}
	return out, nil
}

// Metadata tells the first and last message of an archive (§5); both are zero for an empty one.
func Metadata(ctx context.Context, s store.Archive, owner jid.JID) (archive.Metadata, error) {
	first, last, err := s.Metadata(ctx, owner)
	if errors.Is(err, store.ErrNotFound) {
		return archive.Metadata{}, nil
	}
	mark := func(m store.ArchiveMark) archive.Mark { return archive.Mark{ID: account.FormatID(m.ID), Time: m.Time} }
	return archive.Metadata{Start: mark(first), End: mark(last)}, err
}

func (room *room) metadata(ctx context.Context, r *handler.Request) (handler.Answer, error) {
	m, err := Metadata(ctx, room.store, r.Account)
	return m.Encode, err
}

func (room *room) prefs(ctx context.Context, r *handler.Request) (handler.Answer, error) {
	p, err := room.policy.Prefs(ctx, r.Account)
	return archive.Prefs{Default: archive.Default(p.Default), Always: p.Always, Never: p.Never}.Encode, err
}

func (room *room) setPrefs(ctx context.Context, r *handler.Request) (handler.Answer, error) {
	want, err := archive.ParsePrefs(r.Payload)
	if err != nil {
		return nil, err
	}
	if want.Default == "" {
		return nil, stanza.ErrBadRequest()
	}
	err = room.policy.SetPrefs(ctx, r.Account, store.ArchivePrefs{Default: store.ArchiveDefault(want.Default), Always: want.Always, Never: want.Never})
	if errors.Is(err, store.ErrLimit) {
		return nil, stanza.ErrPolicyViolation()
	}
	if err != nil {
		return nil, err
	}
	return want.Encode, nil
}
