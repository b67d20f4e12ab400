// Package info answers the small questions: are you there (XEP-0199), what are you (XEP-0092), what time is it (XEP-0202), since when (XEP-0012).
// It also asks clients what they are when they did not say.
package info

import (
	"context"
	"runtime"
	"time"

	"godwit/jid"
	"godwit/server/account"
	"godwit/server/handler"
	"godwit/stanza"
	"godwit/xep/entitytime"
	"godwit/xep/last"
	"godwit/xep/ping"
	"godwit/xep/version"
)

// Activity tells when an account was last online; *account.Registry does.
type Activity interface {
	Contact(owner, who jid.JID) (account.Contact, error)
	LastSeen(ctx context.Context, owner jid.JID) (time.Time, string, bool, error)
}

// Register adds the handlers of this room.
func Register(t *handler.Table, program version.Version, started time.Time, activity Activity) {
	t.Register(ping.NS, "ping", stanza.Get, handler.Server|handler.Self, func(context.Context, *handler.Request) (handler.Answer, error) {
		return nil, nil
	})
	if program.OS == "" {
		program.OS = runtime.GOOS
	}
	t.Register(version.NS, "query", stanza.Get, handler.Server, func(context.Context, *handler.Request) (handler.Answer, error) {
		return program.Encode, nil
	})
	t.Register(entitytime.NS, "time", stanza.Get, handler.Server|handler.Self, func(context.Context, *handler.Request) (handler.Answer, error) {
		now := time.Now()
		_, offset := now.Zone()
		return entitytime.Time{UTC: now, Offset: time.Duration(offset) * time.Second}.Encode, nil
	})
	t.Register(last.NS, "query", stanza.Get, handler.Server|handler.Self|handler.Other, func(ctx context.Context, r *handler.Request) (handler.Answer, error) {
		if r.Target == handler.Server { // XEP-0012 §6: how long the server has been up
			return last.Activity{Known: true, Ago: time.Since(started)}.Encode, nil
		}
		return lastOf(ctx, r, activity)
	})
}

// lastOf tells when an account was last online, to who may see its presence (XEP-0012 §4, RFC 6121 §4.3.2).
func lastOf(ctx context.Context, r *handler.Request, activity Activity) (handler.Answer, error) {
	if r.Target == handler.Other {
		c, err := activity.Contact(r.Account, r.Session.Owner())
		if err != nil {
			return nil, err
		}
		if !c.From {
			return nil, stanza.ErrForbidden()
		}
	}
	t, status, known, err := activity.LastSeen(ctx, r.Account)
	if err != nil {
		return nil, err
	}
	if !known {
		return nil, stanza.ErrItemNotFound()
	}
	return last.Activity{Known: true, Ago: max(time.Since(t), 0), Status: status}.Encode, nil
}
