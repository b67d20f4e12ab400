package interop

import (
	"strings"
	"testing"

	"godwit/netlab/proc"
	"godwit/netlab/story"
)

// A chatter is one running client of some kind.
type chatter interface {
	// write sends a message to an account.
	write(to, body string)
	// hears waits for a message.
	hears(from, body string)
}

// kinds are the clients, each with what starts it and returns when it is online.
var kinds = []struct {
	name  string
	start func(t *testing.T, s *story.Server, account string) chatter
}{
	{"slixmpp", func(t *testing.T, s *story.Server, account string) chatter { return signIn(t, s, account) }},
	{"go-sendxmpp", startSender},
	{"profanity", startProfanity},
	{"godwit", startGodwit},
}

// TestTwoWayChat lets every kind of client talk with every other, and with its own.
func TestTwoWayChat(t *testing.T) {
	t.Parallel()
	for i, a := range kinds {
		for _, b := range kinds[i:] {
			t.Run(a.name+"+"+b.name, func(t *testing.T) {
				t.Parallel()
				s := serve(t, alice, bob)
				left, right := a.start(t, s, alice), b.start(t, s, bob)
				left.write(bob, "hello 你好 <b> & 'x'")
				right.hears(alice, "hello 你好 <b> & 'x'")
				right.write(alice, "hello yourself 👋")
				left.hears(bob, "hello yourself 👋")
				left.write(bob, "well then")
				right.hears(alice, "well then")
			})
		}
	}
}

// TestOfflineDelivery sends with each kind of client to somebody absent, who reads it with each other.
func TestOfflineDelivery(t *testing.T) {
	t.Parallel()
	for i, a := range kinds {
		b := kinds[(i+1)%len(kinds)]
		t.Run(a.name+"→"+b.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, alice, bob)
			left := a.start(t, s, alice)
			left.write(bob, "for later")
			b.start(t, s, bob).hears(alice, "for later")
		})
	}
}

func (c *slix) write(to, body string) {
	c.t.Helper()
	c.do("message", "to", to, "body", body)
}

func (c *slix) hears(from, body string) {
	c.t.Helper()
	if e := c.message(body); bare(e.From) != from {
		c.t.Errorf("%q came from %s", body, e.From)
	}
}

// sender is go-sendxmpp: one process listens, and each message is sent by a process of its own.
type sender struct {
	t       *testing.T
	account string
	server  *story.Server
	listens *proc.Process
}

func startSender(t *testing.T, s *story.Server, account string) chatter {
	t.Helper()
	need(t, "go-sendxmpp", "go-sendxmpp")
	c := &sender{t: t, account: account, server: s}
	c.listens = proc.Spec{Name: "go-sendxmpp " + local(account), Path: "go-sendxmpp", Args: c.flags("-l"), Env: c.env()}.Start(t)
	awaitSession(t, s, account)
	return c
}

func (c *sender) flags(more ...string) []string {
	return append([]string{"-u", c.account, "-p", password(c.account), "-j", c.server.Addr("c2s")}, more...)
}

// env makes it trust the server's certificate.
func (c *sender) env() []string { return []string{"SSL_CERT_FILE=" + c.server.CA()} }

func (c *sender) write(to, body string) {
	c.t.Helper()
	p := proc.Spec{Name: "go-sendxmpp to " + local(to), Path: "go-sendxmpp", Args: c.flags(to), Env: c.env()}.Start(c.t)
	if err := p.Send(body); err != nil {
		c.t.Fatal(err)
	}
	if err := p.CloseStdin(); err != nil {
		c.t.Fatal(err)
	}
	if code := p.ExitCode(); code != 0 {
		c.t.Fatalf("go-sendxmpp ended with %d: %s", code, p.Report())
	}
}

func (c *sender) hears(from, body string) {
	c.t.Helper()
	c.listens.Expect(patience, body, func(line string) bool { return strings.Contains(line, body) && strings.Contains(line, from) })
}

// godwitChatter is `godwit headless`.
type godwitChatter struct {
	t *testing.T
	*story.Person
}

func startGodwit(t *testing.T, s *story.Server, account string) chatter {
	t.Helper()
	return &godwitChatter{t, story.SignIn(t, story.Loopback, s, account, t.TempDir())}
}

func (c *godwitChatter) write(to, body string) {
	c.t.Helper()
	c.Do(c.t, map[string]any{"cmd": "send", "to": to, "body": body})
	c.Person.Await(c.t, "sent", func(e story.Event) bool { return e.Event == "sent" })
}

func (c *godwitChatter) hears(from, body string) {
	c.t.Helper()
	c.Until(c.t, body, patience, func(events []story.Event) bool {
		for _, e := range events {
			if e.Event == "message" && e.Body == body && bare(e.From) == from {
				return true
			}
		}
		return false
	})
}
