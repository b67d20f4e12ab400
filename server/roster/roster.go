// Package roster answers roster requests (RFC 6121 §2), with versioning (§2.6). The roster itself belongs to server/account; this room
// checks what clients ask for and writes the answers.
package roster

import (
	"context"
	"strconv"

	"godwit/server/account"
	"godwit/server/handler"
	"godwit/stanza"
	"godwit/store"
	"godwit/xep/roster"
	"godwit/xmlstream"
)

// Register adds the handlers of this room.
func Register(t *handler.Table, accounts *account.Registry) {
	t.Register(roster.NS, "query", stanza.Get, handler.Self, func(ctx context.Context, r *handler.Request) (handler.Answer, error) {
		return get(ctx, r, accounts)
	})
	t.Register(roster.NS, "query", stanza.Set, handler.Self, func(ctx context.Context, r *handler.Request) (handler.Answer, error) {
		return nil, set(ctx, r, accounts)
	})
}

// get answers with the roster, or, when the client knows a version that is not too old, with nothing and then pushes what changed (§2.6.3).
func get(ctx context.Context, r *handler.Request, accounts *account.Registry) (handler.Answer, error) {
	ver, versioned := r.Payload.LookupAttr("", "ver")
	since, err := strconv.ParseUint(ver, 10, 64)
	v, err := accounts.Roster(ctx, r.Session, since, versioned && err == nil)
	if err != nil {
		return nil, err
	}
	if v.Since {
		accounts.PushChanges(r.Session, v)
		return nil, nil
	}
	return func(e *xmlstream.Encoder) {
		q := roster.Query{HasVer: versioned, Ver: account.FormatVersion(v.Version)}
		for _, it := range v.Items {
			q.Items = append(q.Items, account.WireItem(it))
		}
		q.Encode(e)
	}, nil
}

// set adds, changes or removes exactly one contact (§2.1.5, §2.3.3).
func set(ctx context.Context, r *handler.Request, accounts *account.Registry) error {
	item, err := roster.ParseSet(r.Payload)
	if err != nil {
		return err
	}
	var bad *stanza.Error
	switch {
	case item.JID == r.Account: // §2.3.3: nobody is in one's own roster
		bad = stanza.ErrNotAllowed()
	case item.Subscription == roster.Remove:
		bad = accounts.RemoveContact(ctx, r.Session, item.JID)
	default:
		bad = accounts.SetContact(ctx, r.Session, store.RosterItem{JID: item.JID, Name: item.Name, Groups: item.Groups})
	}
	if bad != nil {
		return bad
	}
	return nil
}
