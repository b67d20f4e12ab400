// Package carbons lets a session switch copies of its account's other conversations on and off (XEP-0280 §4, §5). Making the copies belongs
// to server/account.
package carbons

import (
	"context"

	"godwit/server/account"
	"godwit/server/handler"
	"godwit/stanza"
	"godwit/xep/carbons"
)

// Register adds the handlers of this room.
func Register(t *handler.Table, accounts *account.Registry) {
	turn := func(on bool) handler.Func {
		return func(_ context.Context, r *handler.Request) (handler.Answer, error) {
			accounts.SetCarbons(r.Session, on)
			return nil, nil
		}
	}
	t.Register(carbons.NS, "enable", stanza.Set, handler.Self, turn(true))
	t.Register(carbons.NS, "disable", stanza.Set, handler.Self, turn(false))
}
