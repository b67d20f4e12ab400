package command

import (
	"godwit/xep/dataform"
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace, the feature, and the node under which commands are listed (XEP-0050 §3.1).
const NS = "http://jabber.org/protocol/commands"

// Action is what a request does (§3.4).
type Action string

// The actions; none is execute.
const (
	Execute  Action = "execute"
	Cancel   Action = "cancel"
	Prev     Action = "prev"
	Next     Action = "next"
	Complete Action = "complete"
)

// Status is how far a command is (§3.4).
type Status string

// The states.
const (
	Executing Status = "executing"
	Completed Status = "completed"
	Canceled  Status = "canceled"
)

// MaxText bounds node and session id in bytes.
const MaxText = 1024

// Command is <command/>: a request has an Action, an answer a Status.
type Command struct {
	Node    string
	Session string
	Action  Action
	Status  Status
	// Actions are those that may follow, of which complete is the default; only in an answer that is executing.
	Actions []Action
	Form    *dataform.Form
}

// Parse reads <command/>.
func Parse(n xmlstream.Node) (Command, error) {
	if err := wire.Expect(n, NS, "command"); err != nil {
		return Command{}, err
	}
	node, err := wire.Required(n, "node")
	if err != nil {
		return Command{}, err
	}
	c := Command{Node: node, Session: n.Attr("sessionid"), Action: Action(n.Attr("action")), Status: Status(n.Attr("status"))}
	if len(node) > MaxText || len(c.Session) > MaxText {
		return Command{}, wire.NotAcceptable("node and sessionid have at most %d bytes", MaxText)
	}
	switch c.Action {
	case "", Execute, Cancel, Prev, Next, Complete:
	default:
		return Command{}, wire.Bad("there is no action %s", wire.Quote(string(c.Action)))
	}
	switch c.Status {
	case "", Executing, Completed, Canceled:
	default:
		return Command{}, wire.Bad("there is no status %s", wire.Quote(string(c.Status)))
	}
	if actions, ok := n.Child(NS, "actions"); ok {
		for _, a := range []Action{Prev, Next, Complete} {
			if _, ok := actions.Child(NS, string(a)); ok {
				c.Actions = append(c.Actions, a)
			}
		}
	}
	if x, ok := n.Child(dataform.NS, "x"); ok {
		f, err := dataform.Parse(x)
		if err != nil {
			return Command{}, err
		}
		c.Form = &f
	}
	return c, nil
}

// Encode writes <command/>.
func (c Command) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "command")
	wire.OptionalAttr(e, "action", string(c.Action))
	e.Attr("node", c.Node)
	wire.OptionalAttr(e, "sessionid", c.Session)
	wire.OptionalAttr(e, "status", string(c.Status))
	if len(c.Actions) > 0 {
		e.Start(NS, "actions")
		for _, a := range c.Actions {
			wire.Empty(e, NS, string(a))
		}
		e.End()
	}
	if c.Form != nil {
		c.Form.Encode(e)
	}
	e.End()
}
