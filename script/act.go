package script

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

var errNotConnected = errors.New("it is not connected")

// act does what one line says a client does.
func (r *run) act(c *client, s *Step) error {
	switch s.Verb {
	case "connects":
		return r.connect(c, false)
	case "comes online":
		return r.comeOnline(c)
	case "resumes":
		return r.connect(c, true)
	case "fails to connect", "fails to resume":
		return r.fail(c, s)
	case "opens":
		return r.dial(c, 0)
	case "skips":
		var err error
		c.skips, err = r.wanted(s.Block)
		return err
	case "skips nothing":
		c.skips = nil
		return nil
	case "forgets its token":
		c.token = ""
		return nil
	}
	if n, ok := strings.CutPrefix(s.Verb, "forgets "); ok { // the last n stanzas it got, as if they had been lost with the connection
		k, err := strconv.ParseUint(n, 10, 32)
		c.inCnt -= uint32(k)
		return err
	}
	if from, ok := strings.CutPrefix(s.Verb, "steals the token of "); ok {
		owner := r.clients[from]
		if owner == nil || owner.token == "" {
			return fmt.Errorf("%s has no token", from)
		}
		c.token = owner.token
		return nil
	}
	if from, ok := strings.CutPrefix(s.Verb, "steals "); ok { // the id of somebody else's session
		c.smID = r.clients[from].smID
		return nil
	}
	if c.conn == nil {
		return errNotConnected
	}
	switch s.Verb {
	case "sends":
		return r.send(c, s.Block)
	case "receives":
		return r.receive(c, s.Block)
	case "receives in any order":
		return r.receiveUnordered(c, s.Block)
	case "receives nothing":
		return r.receiveNothing(c)
	case "settles":
		return r.settle()
	case "acknowledges":
		return c.conn.write(fmt.Sprintf("<a xmlns='%s' h='%d'/>", nsSM, c.conn.count()))
	case "is acknowledged":
		return r.acknowledged(c)
	case "disconnects":
		if err := c.conn.write("</stream:stream>"); err != nil {
			return err
		}
		return r.closed(c, nil)
	case "is cut":
		return r.cut(c)
	case "is closed":
		return r.closedWith(c, s.Block)
	}
	return errors.New("unknown verb")
}

func (r *run) dial(c *client, in uint32) error {
	if c.conn != nil {
		return errors.New("it is connected")
	}
	d, err := r.t.dial(c.opts)
	if err != nil {
		return err
	}
	c.jid = ""
	c.conn = newConn(d, c.opts, in)
	return nil
}

func (r *run) connect(c *client, resume bool) error {
	was := c.jid
	in := uint32(0)
	if resume {
		in = c.inCnt
	}
	if err := r.dial(c, in); err != nil {
		return err
	}
	last, ok, err := r.signIn(c, resume)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("the server answered:\n%s", last.String())
	}
	if resume {
		c.jid = was
		h := last.child(nsSM, "resumed")
		if h == nil {
			h = &last
		}
		r.vars[c.name+".h"] = h.attr("h")
	}
	r.vars[c.name] = c.jid
	return nil
}

// comeOnline connects and sends initial presence. What presence comes back is dropped: scripts about presence do this by hand.
func (r *run) comeOnline(c *client) error {
	if err := r.connect(c, false); err != nil {
		return err
	}
	if err := r.send(c, "<presence/>"); err != nil {
		return err
	}
	if err := r.settle(); err != nil {
		return err
	}
	c.conn.drop(func(t *Tree) bool { return t.is(nsClient, "presence") && t.attr("type") == "" })
	return nil
}

// befriend makes two accounts see each other, by clients that come and go unseen.
func (r *run) befriend(a, b string) error {
	x, y := &client{name: a + "/~", account: a}, &client{name: b + "/~", account: b}
	r.order = append(r.order, x, y)
	defer func() { r.order = r.order[:len(r.order)-2] }()
	for _, c := range []*client{x, y} {
		if err := r.connect(c, false); err != nil {
			return err
		}
	}
	for _, step := range []struct {
		from *client
		to   string
		typ  string
	}{{x, b, "subscribe"}, {y, a, "subscribed"}, {y, a, "subscribe"}, {x, b, "subscribed"}} {
		if err := r.send(step.from, fmt.Sprintf("<presence to='%s' type='%s'/>", r.vars[step.to], step.typ)); err != nil {
			return err
		}
		if err := r.settle(); err != nil {
			return err
		}
	}
	for _, c := range []*client{x, y} {
		if err := r.cut(c); err != nil {
			return err
		}
	}
	return nil
}

// fail expects that signing in fails, and with what.
func (r *run) fail(c *client, s *Step) error {
	want, err := r.wanted(s.Block)
	if err != nil {
		return err
	}
	if err := r.dial(c, c.inCnt); err != nil {
		return err
	}
	last, ok, err := r.signIn(c, s.Verb == "fails to resume")
	if err != nil {
		return err
	}
	if ok {
		return fmt.Errorf("it did not fail:\n%s", last.String())
	}
	if len(want) > 0 {
		if err := r.vars.match(&want[0], &last); err != nil {
			return fmt.Errorf("%w; this came:\n%s", err, last.String())
		}
	}
	c.conn.raw.Close()
	err = c.conn.finish()
	c.conn = nil
	return err
}

func (r *run) wanted(block string) ([]Tree, error) {
	text, err := r.vars.fill(block)
	if err != nil {
		return nil, err
	}
	return parseTrees(text)
}

func (r *run) send(c *client, block string) error {
	text, err := r.vars.fill(strings.TrimSuffix(block, "\n"))
	if err != nil {
		return err
	}
	if all, err := parseTrees(text); err == nil {
		for i := range all {
			if all[i].stanza() {
				c.outCnt++
			}
		}
	}
	_ = c.conn.write(text) // a server that hung up shows in what is received
	return nil
}

func (r *run) receive(c *client, block string) error {
	// One by one, so that what the first remembers can be used by the second.
	for rest := block; strings.TrimSpace(rest) != ""; {
		first, after, err := firstElement(rest)
		if err != nil {
			return err
		}
		rest = after
		want, err := r.wanted(first)
		if err != nil {
			return err
		}
		got, err := c.conn.next(c.skipped)
		if err != nil {
			return fmt.Errorf("%w; wanted:\n%s", err, list(want))
		}
		if err := r.vars.match(&want[0], &got); err != nil {
			return fmt.Errorf("%w; this came:\n%s", err, got.String())
		}
	}
	return nil
}

func (r *run) receiveUnordered(c *client, block string) error {
	want, err := r.wanted(block)
	if err != nil {
		return err
	}
	for len(want) > 0 {
		got, err := c.conn.next(c.skipped)
		if err != nil {
			return fmt.Errorf("%w; still wanted:\n%s", err, list(want))
		}
		found := false
		for i := range want {
			if found = r.vars.match(&want[i], &got) == nil; found {
				want = append(want[:i:i], want[i+1:]...)
				break
			}
		}
		if !found {
			return fmt.Errorf("this came:\n%s\nstill wanted:\n%s", got.String(), list(want))
		}
	}
	return nil
}

func (r *run) receiveNothing(c *client) error {
	if err := r.settle(); err != nil {
		return err
	}
	if err := c.conn.endedErr(); err != nil {
		return err
	}
	if got := c.conn.pending(c.skipped); len(got) > 0 {
		return fmt.Errorf("but this came:\n%s", list(got))
	}
	return nil
}

// acknowledged asks the server and compares with what was sent.
func (r *run) acknowledged(c *client) error {
	if err := c.conn.write("<r xmlns='" + nsSM + "'/>"); err != nil {
		return err
	}
	for {
		t, err := c.conn.next(c.skipped)
		if err != nil {
			return err
		}
		if !t.is(nsSM, "a") {
			return fmt.Errorf("this came:\n%s", t.String())
		}
		if t.attr("h") == strconv.FormatUint(uint64(c.outCnt), 10) {
			return nil
		}
		// The server may first say what is true now, and the rest when it is safe.
		if n, err := strconv.ParseUint(t.attr("h"), 10, 32); err != nil || n > uint64(c.outCnt) {
			return fmt.Errorf("h is %s, but %d stanzas were sent", t.attr("h"), c.outCnt)
		}
	}
}

// cut takes the connection away without a word.
func (r *run) cut(c *client) error {
	conn := c.conn
	c.lose()
	return conn.finish()
}

func (r *run) closedWith(c *client, block string) error {
	want, err := r.wanted(block)
	if err != nil {
		return err
	}
	return r.closed(c, want)
}

// closed waits for the server to end the stream, after the elements wanted.
func (r *run) closed(c *client, want []Tree) error {
	skip := func(t *Tree) bool { return t.is(nsSM, "a") || c.skipped(t) } // a last count may come at any end
	for i := range want {
		got, err := c.conn.next(skip)
		if err == nil {
			if err = r.vars.match(&want[i], &got); err != nil {
				err = fmt.Errorf("%w; this came:\n%s", err, got.String())
			}
		}
		if err != nil {
			return err
		}
	}
	got, err := c.conn.next(skip)
	if err == nil {
		return fmt.Errorf("the stream goes on:\n%s", got.String())
	}
	if end := c.conn.endedErr(); !errors.Is(end, io.EOF) {
		return fmt.Errorf("the stream did not end in order: %w", err)
	}
	conn := c.conn
	c.lose()
	return conn.finish()
}
