package headless

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"godwit/client"
	"godwit/jid"
)

// Head is what every command has.
type Head struct {
	Cmd string `json:"cmd"`
	// Tag, of at most MaxTag bytes, comes back in every event that answers the command, the
	// last of which is then "done" or "error". Without one a command that goes well may say
	// nothing.
	Tag string `json:"tag,omitempty"`
}

// MaxTag bounds a tag, in bytes.
const MaxTag = 256

// entry is one row of the table of commands.
type entry struct {
	name   string
	fields any // the zero value of the struct of its fields
	do     func(context.Context, *Call, []byte) error
}

// on makes a row: a command, and what performs it once its fields are read.
func on[T any](name string, do func(context.Context, *Call, T) error) entry {
	var zero T
	return entry{name, zero, func(ctx context.Context, q *Call, line []byte) error {
		var c T
		if err := decode(line, &c); err != nil {
			return err
		}
		return do(ctx, q, c)
	}}
}

// table holds every command there is. Each family has a file of its own and a row here.
var table = tableOf(chatCommands, contactCommands, blockingCommands, settingCommands, clientCommands, deviceCommands, fileCommands)

func tableOf(families ...[]entry) map[string]entry {
	all := map[string]entry{}
	for _, e := range slices.Concat(families...) {
		all[e.name] = e
	}
	return all
}

// Commands lists the commands there are, in the order of their names.
func Commands() []string { return slices.Sorted(maps.Keys(table)) }

// errUnknown answers a command there is not.
var errUnknown = client.WithCode("unknown-command", errors.New("there is no such command; the commands are "+strings.Join(Commands(), ", ")))

// clientCommands are about the client as a whole.
var clientCommands = []entry{
	on("presence", doPresence),
	on("links", doLinks),
	on("network", doNetwork),
	on("quit", doQuit),
}

// SetPresence tells contacts how available the user is.
type SetPresence struct {
	Head
	Show   string `json:"show,omitempty"` // away, xa, dnd, chat or empty
	Status string `json:"status,omitempty"`
}

func doPresence(ctx context.Context, q *Call, c SetPresence) error {
	return q.Client().SetPresence(ctx, client.Presence{Show: client.Show(c.Show), Status: c.Status})
}

// AskLinks asks which way chats go, and why.
type AskLinks struct {
	Head
	With string `json:"with,omitempty"` // one contact; else every chat of this run and everybody online
	Lang string `json:"lang,omitempty"` // of the words: en or zh-CN; else that of the run
}

// doLinks answers with one "link" event for each, and for each chat without one.
func doLinks(ctx context.Context, q *Call, c AskLinks) error {
	all, err := explain(ctx, q.Client(), c, q.engine.lang)
	for i := range all {
		q.Emit(all[i])
	}
	return err
}

func explain(ctx context.Context, c *client.Client, q AskLinks, lang client.Lang) ([]Link, error) {
	if q.Lang != "" {
		var ok bool
		if lang, ok = client.ParseLang(q.Lang); !ok {
			return nil, bad("there are no words in the language %q; there are en and zh-CN", q.Lang)
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

// Network is a hint that the device's network changed.
type Network struct{ Head }

func doNetwork(_ context.Context, q *Call, _ Network) error {
	q.Client().NetworkChanged()
	return nil
}

// Quit ends the client politely. What was sent is in the outbox.
type Quit struct{ Head }

func doQuit(_ context.Context, q *Call, _ Quit) error {
	q.quit = true
	return nil
}

// Answer answers one line that another process asks a running client, with one line.
// It takes "links"; anything else is answered by an "error". Words are of the language
// unless the line asks for another one.
func Answer(ctx context.Context, c *client.Client, lang client.Lang, line []byte) []byte {
	var q AskLinks
	err := decode(line, &q)
	var answer any
	switch {
	case err != nil:
	case q.Cmd == "links":
		var all []Link
		all, err = explain(ctx, c, q, lang)
		answer = Links{Event: "links", Items: all}
	default:
		err = bad("a running client can be asked for links only")
	}
	if err != nil {
		answer = Error{Event: "error", Cmd: q.Cmd, Message: err.Error(), Code: client.Code(err)}
	}
	out, err := json.Marshal(answer)
	if err != nil { // nothing in these types can fail
		return []byte(`{"event":"error","message":"no answer"}` + "\n")
	}
	return append(out, '\n')
}

// bad makes an error about the command itself.
func bad(format string, args ...any) error {
	return client.WithCode("invalid", fmt.Errorf(format, args...))
}

func address(field, text string) (jid.JID, error) {
	if text == "" {
		return jid.JID{}, bad("%q is missing", field)
	}
	j, err := jid.Parse(text)
	if err != nil {
		return jid.JID{}, bad("%q is no address: %w", field, err)
	}
	return j, nil
}

// decode reads one command into the struct of its fields.
func decode(line []byte, into any) error {
	if err := json.Unmarshal(line, into); err != nil {
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) {
			if kind.Field == "" {
				return bad("a line must be one JSON object")
			}
			// An embedded struct stands before the field's name.
			return bad("%q must not be a %s", strings.TrimPrefix(kind.Field, "Head."), kind.Value)
		}
		return bad("a line must be one JSON object: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}
