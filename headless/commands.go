package headless

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"godwit/client"
	"godwit/client/cache"
	"godwit/client/path"
	"godwit/jid"
)

// command is one line of input. Which fields a command has is said at each.
type command struct {
	Cmd string `json:"cmd"`

	To    string `json:"to"`    // send: whom
	Body  string `json:"body"`  // send: the text
	ID    string `json:"id"`    // send: its origin-id, never used before; optional
	Route string `json:"route"` // send: auto, direct, server; optional

	JID string `json:"jid"` // subscribe, accept, unsubscribe

	Show   string `json:"show"`   // presence: away, xa, dnd, chat or empty
	Status string `json:"status"` // presence

	With string `json:"with"` // history, links: one chat; optional
	Max  int    `json:"max"`  // history: at most; default 50
	Lang string `json:"lang"` // links: language of the words, en or zh-CN; default that of the run
}

// defaultHistory is how much history a command gets that does not say.
const defaultHistory = 50

// errUnknown answers a command there is not.
var errUnknown = errors.New("there is no such command; there are send, subscribe, accept, unsubscribe, presence, roster, history, links, network and quit")

// errFiles answers the commands of file transfer.
var errFiles = errors.New("files are not part of this build yet")

// perform does what a line asks for. quit is set by the command of that name.
func (s *session) perform(ctx context.Context, c command) (quit bool, err error) {
	switch c.Cmd {
	case "send":
		return false, s.send(c)
	case "subscribe":
		return false, s.contact(ctx, c.JID, func(ctx context.Context, j jid.JID) error { return s.client.Subscribe(ctx, j, "") })
	case "accept":
		return false, s.contact(ctx, c.JID, s.client.Accept)
	case "unsubscribe":
		return false, s.contact(ctx, c.JID, s.client.Unsubscribe)
	case "presence":
		return false, s.client.SetPresence(ctx, client.Presence{Show: client.Show(c.Show), Status: c.Status})
	case "roster":
		contacts, err := s.client.Roster(ctx)
		if err == nil {
			s.out.write(rosterEvent(contacts))
		}
		return false, err
	case "history":
		return false, s.history(ctx, c)
	case "links":
		return false, s.links(ctx, c)
	case "network":
		s.client.NetworkChanged()
		return false, nil
	case "sendfile", "acceptfile":
		return false, errFiles
	case "quit":
		return true, nil
	case "":
		return false, errors.New(`a line needs a "cmd"`)
	}
	return false, errUnknown
}

// send hands a message over and goes on; many become durable together. Order is that
// of the lines.
func (s *session) send(c command) error {
	to, err := address("to", c.To)
	if err != nil {
		return err
	}
	s.sending <- struct{}{}
	err = s.client.Post(client.Outgoing{To: to, Body: c.Body, ID: c.ID, Route: path.Route(c.Route)}, func(_ string, err error) {
		<-s.sending
		if err != nil {
			s.fail(c, err)
		}
	})
	if err != nil {
		<-s.sending
	}
	return err
}

func (s *session) contact(ctx context.Context, text string, do func(context.Context, jid.JID) error) error {
	j, err := address("jid", text)
	if err != nil {
		return err
	}
	return do(ctx, j)
}

// history answers with one "message" event for each, oldest first, marked as
// history.
func (s *session) history(ctx context.Context, c command) error {
	q := cache.HistoryQuery{Max: c.Max}
	if q.Max <= 0 {
		q.Max = defaultHistory
	}
	if c.With != "" {
		with, err := address("with", c.With)
		if err != nil {
			return err
		}
		q.Chat = with.Bare()
	}
	page, _, err := s.client.History(ctx, q)
	if err != nil {
		return err
	}
	self := s.client.JID()
	for i := range page {
		s.out.write(historyEvent(&page[i], self))
	}
	return nil
}

// links answers with one "link" event for each, and for each chat without one.
func (s *session) links(ctx context.Context, c command) error {
	all, err := explain(ctx, s.client, c, s.lang)
	for i := range all {
		s.out.write(all[i])
	}
	return err
}

func explain(ctx context.Context, c *client.Client, q command, lang client.Lang) ([]Link, error) {
	if q.Lang != "" {
		var ok bool
		if lang, ok = client.ParseLang(q.Lang); !ok {
			return nil, fmt.Errorf("there are no words in the language %q; there are en and zh-CN", q.Lang)
		}
	}
	var who jid.JID
	if q.With != "" {
		var err error
		if who, err = address("with", q.With); err != nil {
			return nil, err
		}
	}
	all, err := c.Explain(ctx, who)
	links := make([]Link, 0, len(all))
	for _, l := range all {
		links = append(links, linkEvent(client.LinkChanged{LinkInfo: l}, lang))
	}
	return links, err
}

// Answer answers one line that another process asks a running client, with one line.
// It takes "links"; anything else is answered by an "error". Words are of the language
// unless the line asks for another one.
func Answer(ctx context.Context, c *client.Client, lang client.Lang, line []byte) []byte {
	q, err := decode(line)
	var answer any
	switch {
	case err != nil:
	case q.Cmd == "links":
		var all []Link
		all, err = explain(ctx, c, q, lang)
		answer = Links{Event: "links", Items: all}
	default:
		err = errors.New("a running client can be asked for links only")
	}
	if err != nil {
		answer = Error{Event: "error", Cmd: q.Cmd, ID: q.ID, Message: err.Error()}
	}
	out, err := json.Marshal(answer)
	if err != nil { // nothing in these types can fail
		return []byte(`{"event":"error","message":"no answer"}` + "\n")
	}
	return append(out, '\n')
}

func address(field, text string) (jid.JID, error) {
	if text == "" {
		return jid.JID{}, fmt.Errorf("%q is missing", field)
	}
	j, err := jid.Parse(text)
	if err != nil {
		return jid.JID{}, fmt.Errorf("%q is no address: %w", field, err)
	}
	return j, nil
}

// decode reads one line.
func decode(line []byte) (command, error) {
	var c command
	if err := json.Unmarshal(line, &c); err != nil {
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) {
			if kind.Field == "" {
				return c, errors.New("a line must be one JSON object")
			}
			return c, fmt.Errorf("%q must not be a %s", kind.Field, kind.Value)
		}
		return c, fmt.Errorf("a line must be one JSON object: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return c, nil
}
