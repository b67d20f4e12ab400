package interop

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"godwit/netlab/proc"
	"godwit/netlab/story"
)

// python is Debian's: one from elsewhere in the path has no slixmpp.
const python = "/usr/bin/python3"

// told is an event of testdata/slix.py.
type told struct {
	Event     string   `json:"event"`
	Do        string   `json:"do"`
	Condition string   `json:"condition"`
	JID       string   `json:"jid"`
	TLS       string   `json:"tls"`
	Why       string   `json:"why"`
	From      string   `json:"from"`
	To        string   `json:"to"`
	ID        string   `json:"id"`
	Type      string   `json:"type"`
	Body      string   `json:"body"`
	Status    string   `json:"status"`
	Name      string   `json:"name"`
	Direction string   `json:"direction"`
	Priority  int      `json:"priority"`
	Delayed   bool     `json:"delayed"`
	StanzaID  string   `json:"stanza_id"`
	ArchiveID string   `json:"archive_id"`
	Complete  bool     `json:"complete"`
	Features  []string `json:"features"`
	Messages  []told   `json:"messages"`
	Items     []struct {
		JID          string `json:"jid"`
		Name         string `json:"name"`
		Subscription string `json:"subscription"`
	} `json:"items"`
}

// slix is a slixmpp session. It belongs to the goroutine of the test.
type slix struct {
	*proc.Process
	t       *testing.T
	account string
	jid     string // full, once online
	waiting []told // read and not awaited yet
}

// launchSlix starts slixmpp with the words testdata/slix.py takes as options.
func launchSlix(t *testing.T, s *story.Server, account, password, ca string, options ...string) *slix {
	t.Helper()
	need(t, "python3-slixmpp", python, "-c", "import slixmpp")
	listener := "c2s"
	if slices.Contains(options, "direct") {
		listener = "c2s-tls"
	}
	host, port := split(t, s.Addr(listener))
	args := append([]string{"testdata/slix.py", account, password, host, port, ca}, options...)
	return &slix{t: t, account: bare(account), Process: proc.Spec{Name: "slixmpp " + local(account), Path: python, Args: args}.Start(t)}
}

// signIn starts slixmpp and waits until it is online.
func signIn(t *testing.T, s *story.Server, account string, options ...string) *slix {
	t.Helper()
	c := launchSlix(t, s, account, password(account), s.CA(), options...)
	c.jid = c.await("online", func(e told) bool { return e.Event == "online" }).JID
	return c
}

// await returns the first event that matches among those not yet awaited. The others wait.
func (c *slix) await(what string, match func(told) bool) told {
	c.t.Helper()
	if i := slices.IndexFunc(c.waiting, match); i >= 0 {
		e := c.waiting[i]
		c.waiting = slices.Delete(c.waiting, i, i+1)
		return e
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var found told
	_, err := c.Await(ctx, func(line string) bool {
		var e told
		if json.Unmarshal([]byte(line), &e) != nil {
			return false
		}
		if match(e) {
			found = e
			return true
		}
		c.waiting = append(c.waiting, e)
		return false
	})
	if err != nil {
		c.t.Fatalf("%s waited for %s: %v", c.Name(), what, err)
	}
	return found
}

// tell sends a command and returns at once.
func (c *slix) tell(do string, fields ...any) {
	c.t.Helper()
	command := map[string]any{"do": do}
	for i := 0; i < len(fields); i += 2 {
		command[fields[i].(string)] = fields[i+1]
	}
	line, err := json.Marshal(command)
	if err == nil {
		err = c.Send(string(line))
	}
	if err != nil {
		c.t.Fatalf("%s: %v", c.Name(), err)
	}
}

// try sends a command and returns what became of it: an event "done" or "refused".
func (c *slix) try(do string, fields ...any) told {
	c.t.Helper()
	c.tell(do, fields...)
	return c.await("the end of "+do, func(e told) bool { return (e.Event == "done" || e.Event == "refused") && e.Do == do })
}

// do is try for commands that must not be refused.
func (c *slix) do(do string, fields ...any) {
	c.t.Helper()
	if e := c.try(do, fields...); e.Event != "done" {
		c.t.Fatalf("%s: %s %v was refused: %s", c.Name(), do, fields, e.Condition)
	}
}

// ask is do for commands that are answered by an event.
func (c *slix) ask(event, do string, fields ...any) told {
	c.t.Helper()
	c.do(do, fields...)
	return c.await(event, func(e told) bool { return e.Event == event })
}

// quit ends the session in order.
func (c *slix) quit() {
	c.t.Helper()
	c.tell("quit")
	select {
	case <-c.Done():
	case <-time.After(patience):
		c.t.Fatalf("%s does not end", c.Name())
	}
}

func (c *slix) message(body string) told {
	c.t.Helper()
	return c.await("the message "+body, func(e told) bool { return e.Event == "message" && e.Body == body })
}

// noMore fails if a message waits, after everything the server had for the session is here: it answers in order. What
// has no body is a receipt or a chat state.
func (c *slix) noMore() {
	c.t.Helper()
	c.do("ping", "jid", "localhost")
	for _, e := range c.waiting {
		if (e.Event == "message" || e.Event == "carbon") && e.Body != "" {
			c.t.Errorf("%s got a message too many: %+v", c.Name(), e)
		}
	}
}

func (c *slix) presence(kind, from string) told {
	c.t.Helper()
	return c.await(kind+" of "+from, func(e told) bool { return e.Event == "presence" && e.Type == kind && strings.HasPrefix(e.From, from) })
}

// befriend makes two slixmpp sessions mutual contacts.
func befriend(a, b *slix) {
	a.t.Helper()
	for _, pair := range [][2]*slix{{a, b}, {b, a}} {
		from, to := pair[0], pair[1]
		from.do("presence", "to", to.account, "type", "subscribe")
		to.presence("subscribe", from.account)
		to.do("presence", "to", from.account, "type", "subscribed")
		from.presence("subscribed", to.account)
		from.presence("available", to.account)
	}
}
