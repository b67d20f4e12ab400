// Package blocking answers what clients ask about their blocklist (XEP-0191): who is on it, block, unblock. The list itself and what follows
// from it (who learns that the account left, what is pushed) belong to server/account; stopping what blocked people send belongs to
// server/deliver and server/account.
package blocking

import (
	"context"

	"godwit/server/account"
	"godwit/server/handler"
	"godwit/stanza"
	"godwit/xep/blocking"
)

// Register adds the handlers of this room.
func Register(t *handler.Table, accounts *account.Registry) {
	t.Register(blocking.NS, "blocklist", stanza.Get, handler.Self, func(ctx context.Context, r *handler.Request) (handler.Answer, error) {
		items, err := accounts.Blocklist(ctx, r.Session)
		if err != nil {
			return nil, err
		}
		return blocking.List{Items: items}.Encode, nil
	})
	set := func(ctx context.Context, r *handler.Request) (handler.Answer, error) {
		c, err := blocking.ParseCommand(r.Payload)
		if err != nil {
			return nil, err
		}
		for _, j := range c.Items {
			if j == r.Account { // XEP-0191 §4: an account's resources always reach each other
				return nil, stanza.ErrNotAllowed().WithText("nobody can block themselves")
			}
		}
		do := accounts.Block
		if c.Unblock {
			do = accounts.Unblock
		}
		if bad := do(ctx, r.Session, c.Items); bad != nil {
			return nil, bad
		}
		return nil, nil
	}
	t.Register(blocking.NS, "block", stanza.Set, handler.Self, set)
	t.Register(blocking.NS, "unblock", stanza.Set, handler.Self, set)
}
