package script

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// run is one script being run. It belongs to one goroutine.
type run struct {
	t       target
	script  *Script
	vars    vars
	clients map[string]*client
	order   []*client
	pings   int
}

// ErrSkipped says that a script needs something the server it ran against can not be made to do.
var ErrSkipped = errors.New("needs a server of its own")

// Run runs a script against a server of its own on a store in dir; what the server logs goes to log.
func Run(s *Script, dir string, log io.Writer) error { return play(s, newLocal(dir, log)) }

// RunAt runs a script against a server that runs already.
func RunAt(s *Script, r Remote) error { return play(s, newRemote(r)) }

func play(s *Script, t target) (err error) {
	r := &run{t: t, script: s, vars: vars{"domain": t.domain()}, clients: make(map[string]*client)}
	defer func() {
		for _, c := range r.order {
			if c.conn != nil {
				c.conn.raw.Close()
				err = errors.Join(err, c.conn.finish())
			}
		}
		err = errors.Join(err, t.close())
	}()
	for i := range s.Steps {
		step := &s.Steps[i]
		err := r.step(step)
		switch {
		case notOurs(err):
			return fmt.Errorf("%w: %s:%d", ErrSkipped, s.Name, step.Line)
		case err != nil:
			return fmt.Errorf("%s:%d: %s %s: %w", s.Name, step.Line, step.Actor, step.Verb, err)
		}
	}
	return r.leftovers()
}

// leftovers makes sure that the script told of everything its clients got.
func (r *run) leftovers() error {
	if err := r.settle(); err != nil {
		return fmt.Errorf("%s: at the end: %w", r.script.Name, err)
	}
	for _, c := range r.order {
		if c.conn == nil {
			continue
		}
		if left := c.conn.pending(c.skipped); len(left) > 0 {
			return fmt.Errorf("%s: at the end %s has something the script does not mention:\n%s", r.script.Name, c.name, list(left))
		}
	}
	return nil
}

func list(all []Tree) string {
	var b strings.Builder
	for i := range all {
		b.WriteString(all[i].String() + "\n")
	}
	return b.String()
}

func (r *run) step(s *Step) error {
	switch s.Actor {
	case "server":
		return r.server(s)
	case "account":
		for _, name := range strings.Fields(s.Verb) {
			if err := r.t.addAccount(name); err != nil {
				return err
			}
			r.vars[name] = r.t.user(name) + "@" + r.t.domain()
		}
		return nil
	case "contacts":
		names := strings.Fields(s.Verb)
		if len(names) != 2 {
			return errors.New("contacts are two")
		}
		return r.befriend(names[0], names[1])
	case "client":
		return r.declare(strings.Fields(s.Verb))
	}
	c := r.clients[s.Actor]
	if c == nil {
		return errors.New("nobody has that name")
	}
	return r.act(c, s)
}

func (r *run) server(s *Step) error {
	words := strings.Fields(s.Verb)
	switch words[0] {
	case "restarts":
		if err := r.t.restart(); err != nil {
			return err
		}
		for _, c := range r.order {
			if c.conn != nil {
				c.lose()
			}
		}
		return nil
	case "removes":
		return r.t.removeAccount(words[1])
	case "counts":
		for name, want := range parseOptions(words[1:]) {
			if n, err := r.t.counter(name); err != nil {
				return err
			} else if strconv.FormatInt(n, 10) != want {
				return fmt.Errorf("%s is %d", name, n)
			}
		}
		return nil
	case "with":
		return r.t.configure(parseOptions(words[1:]))
	}
	return errors.New("unknown verb")
}

// declare makes a client known: its name is ACCOUNT/RESOURCE.
func (r *run) declare(words []string) error {
	if len(words) == 0 {
		return errors.New("a client needs a name")
	}
	account, resource, ok := strings.Cut(words[0], "/")
	if !ok {
		return errors.New("a client is named ACCOUNT/RESOURCE")
	}
	c := &client{name: words[0], account: account, resource: resource, opts: parseOptions(words[1:])}
	if v, ok := c.opts["resource"]; ok {
		c.resource = v
	}
	if v, ok := c.opts["account"]; ok {
		c.account = v
	}
	r.clients[c.name] = c
	r.order = append(r.order, c)
	return nil
}

// skipped reports whether the script said that it does not care for an element.
func (c *client) skipped(t *Tree) bool {
	for i := range c.skips {
		if (vars{}).match(&c.skips[i], t) == nil {
			return true
		}
	}
	return false
}

// lose notes that the connection is gone.
func (c *client) lose() {
	c.inCnt = c.conn.count()
	c.conn.raw.Close()
	<-c.conn.done
	c.conn = nil
}

// settle makes sure that everything sent so far has arrived wherever it goes: each client asks the server for an answer, in turn and twice, so
// that also what one client's stanza made the server send for another is there.
func (r *run) settle() error {
	for range 2 {
		for _, c := range r.order {
			if c.conn == nil || c.jid == "" || c.conn.endedErr() != nil {
				continue
			}
			if err := r.ping(c); err != nil && c.conn.endedErr() == nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	return nil
}

func (r *run) ping(c *client) error {
	r.pings++
	id := barrierPrefix + strconv.Itoa(r.pings)
	c.outCnt++
	if err := c.conn.write(fmt.Sprintf("<iq type='get' id='%s' to='%s'><ping xmlns='urn:xmpp:ping'/></iq>", id, r.t.domain())); err != nil {
		return err
	}
	return c.conn.wait(func() bool { return c.conn.pongs[id] })
}
