package headless

import (
	"context"

	"godwit/client"
	"godwit/jid"
)

// contactCommands are about the contact list.
var contactCommands = []entry{
	on("subscribe", doSubscribe),
	on("accept", doAccept),
	on("unsubscribe", doUnsubscribe),
	on("decline", doDecline),
	on("rename", doRename),
	on("roster", doRoster),
}

// Subscribe asks to see somebody's presence.
type Subscribe struct {
	Head
	JID string `json:"jid"`
}

func doSubscribe(ctx context.Context, q *Call, c Subscribe) error {
	return contact(c.JID, func(j jid.JID) error { return q.Client().Subscribe(ctx, j, "") })
}

// Accept accepts a request, and asks back if need be.
type Accept struct {
	Head
	JID string `json:"jid"`
}

func doAccept(ctx context.Context, q *Call, c Accept) error {
	return contact(c.JID, func(j jid.JID) error { return q.Client().Accept(ctx, j) })
}

// Unsubscribe removes a contact.
type Unsubscribe struct {
	Head
	JID string `json:"jid"`
}

func doUnsubscribe(ctx context.Context, q *Call, c Unsubscribe) error {
	return contact(c.JID, func(j jid.JID) error { return q.Client().Unsubscribe(ctx, j) })
}

// Decline refuses a request, or takes an acceptance back.
type Decline struct {
	Head
	JID string `json:"jid"`
}

func doDecline(ctx context.Context, q *Call, c Decline) error {
	return contact(c.JID, func(j jid.JID) error { return q.Client().Decline(ctx, j) })
}

// Rename gives a contact a name and groups. It is answered by a "contact" event.
type Rename struct {
	Head
	JID    string   `json:"jid"`
	Name   string   `json:"name"`
	Groups []string `json:"groups"`
}

func doRename(ctx context.Context, q *Call, c Rename) error {
	return contact(c.JID, func(j jid.JID) error {
		return q.Go(ctx, func(ctx context.Context) error { return q.Client().Rename(ctx, j, c.Name, c.Groups...) })
	})
}

// AskRoster asks for the contact list.
type AskRoster struct{ Head }

func doRoster(ctx context.Context, q *Call, _ AskRoster) error {
	contacts, err := q.Client().Roster(ctx)
	if err == nil {
		q.Emit(rosterEvent(contacts))
	}
	return err
}

func contact(text string, do func(jid.JID) error) error {
	j, err := address("jid", text)
	if err != nil {
		return err
	}
	return do(j)
}

func rosterEvent(contacts []client.Contact) Roster {
	r := Roster{Event: "roster", Items: make([]Item, 0, len(contacts))}
	for i := range contacts {
		r.Items = append(r.Items, item(&contacts[i]))
	}
	return r
}

func item(c *client.Contact) Item {
	return Item{JID: c.JID.String(), Name: c.Name, Subscription: string(c.Subscription), Ask: c.Asked, Groups: c.Groups}
}
