package invite

import (
	"context"
	"crypto/rand"
	"errors"

	"godwit/jid"
	"godwit/server/handler"
	"godwit/stanza"
	"godwit/store"
	"godwit/xep/command"
	"godwit/xep/dataform"
	"godwit/xep/datetime"
	"godwit/xep/disco"
)

// The commands of XEP-0401 §3, and the form their answers come in.
const (
	NodeInvite  = "urn:xmpp:invite#invite"
	NodeAccount = "urn:xmpp:invite#create-account"
	formResult  = "urn:xmpp:invite#invitation"
)

// Commands lists the commands there are, for discovery (XEP-0401 §3).
func (r *Room) Commands() []disco.Item {
	var items []disco.Item
	if r.cfg.Policy != Off {
		items = append(items, disco.Item{JID: r.cfg.Domain, Node: NodeInvite, Name: "Invite user"})
	}
	if r.cfg.Policy == Accounts {
		items = append(items, disco.Item{JID: r.cfg.Domain, Node: NodeAccount, Name: "Create account"})
	}
	return items
}

// RegisterHandlers adds the handler of commands (XEP-0050). There are no others on this server.
func (r *Room) RegisterHandlers(t *handler.Table) {
	t.Register(command.NS, "command", stanza.Set, handler.Server, r.command)
}

func (r *Room) command(ctx context.Context, q *handler.Request) (handler.Answer, error) {
	c, err := command.Parse(q.Payload)
	if err != nil {
		return nil, err
	}
	known := false
	for _, item := range r.Commands() {
		known = known || item.Node == c.Node
	}
	switch {
	case !known && (c.Node == NodeInvite || c.Node == NodeAccount):
		return nil, stanza.ErrForbidden().WithText("invitations are made by the operator here")
	case !known:
		return nil, stanza.ErrItemNotFound()
	case c.Action == command.Cancel:
		return command.Command{Node: c.Node, Session: c.Session, Status: command.Canceled}.Encode, nil
	case c.Action == command.Prev:
		return nil, stanza.ErrBadRequest().WithText("there is no stage before this one")
	case c.Node == NodeInvite:
		return r.answer(ctx, c, q.Account, Wish{Inviter: q.Account, Contact: true, Register: r.cfg.Policy == Accounts})
	}
	return r.createAccount(ctx, c, q.Account)
}

// createAccount asks for a form first, unless it came along. Nothing is kept between the two: the form says it all.
func (r *Room) createAccount(ctx context.Context, c command.Command, who jid.JID) (handler.Answer, error) {
	if c.Form == nil || c.Form.Type != dataform.TypeSubmit {
		form := dataform.Form{Type: dataform.TypeForm, Title: "An account for somebody else", Fields: []dataform.Field{
			{Var: "username", Type: dataform.TextSingle, Label: "User name; empty leaves the choice"},
			{Var: "roster-subscription", Type: dataform.Boolean, Label: "Become contacts", Values: []string{"1"}},
		}}
		session := c.Session
		if session == "" {
			session = rand.Text()
		}
		return command.Command{Node: c.Node, Session: session, Status: command.Executing, Actions: []command.Action{command.Complete}, Form: &form}.Encode, nil
	}
	w := Wish{Inviter: who, Register: true, Contact: true, ToRegister: true}
	if v := c.Form.Value("roster-subscription"); v == "0" || v == "false" {
		w.Contact = false
	}
	if name := c.Form.Value("username"); name != "" {
		account, err := jid.New(name, r.cfg.Domain.Domain(), "")
		if err != nil {
			return nil, stanza.ErrNotAcceptable().WithText("this can not be a user name")
		}
		w.Account = account
	}
	return r.answer(ctx, c, who, w)
}

// answer makes the invitation and answers with it (XEP-0401 §4.1).
func (r *Room) answer(ctx context.Context, c command.Command, who jid.JID, w Wish) (handler.Answer, error) {
	m, err := r.Make(ctx, w)
	switch {
	case errors.Is(err, store.ErrLimit):
		return nil, stanza.ErrResourceConstraint().WithText("too many invitations are open; wait until some are used or have expired")
	case errors.Is(err, store.ErrExists):
		return nil, stanza.ErrConflict().WithText("this user name is taken")
	case err != nil:
		return nil, err
	}
	r.Counters.Made.Add(1)
	r.cfg.Log.Info("invitation made", "account", who.String(), "register", w.Register, "contact", w.Contact, "expires", m.Expires)
	fields := []dataform.Field{{Var: "uri", Type: dataform.TextSingle, Values: []string{m.URI}}}
	if m.Page != "" {
		fields = append(fields, dataform.Field{Var: "landing-url", Type: dataform.TextSingle, Values: []string{m.Page}})
	}
	expires := []string{datetime.Format(m.Expires)}
	fields = append(fields, dataform.Field{Var: "expire", Type: dataform.TextSingle, Values: expires}, // as XEP-0401 §4.1 has it …
		dataform.Field{Var: "expiry", Type: dataform.TextSingle, Values: expires}) // … and as its registry has it
	form := dataform.New(dataform.TypeResult, formResult, fields...)
	return command.Command{Node: c.Node, Session: c.Session, Status: command.Completed, Form: &form}.Encode, nil
}
