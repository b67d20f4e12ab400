package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"godwit/link"
	"godwit/stanza"
	"godwit/xep/ping"
)

// Whether the stream to the server lives. TCP notices a dead path after minutes: a
// router that forgot its mapping, or a network that was left, says nothing. So the
// server is asked for a sign of life when it has been quiet for long, when it owes
// an acknowledgement, when a direct link goes silent (the same router may have
// forgotten both) and when the network changed. While it owes one for too long, a
// second connection is made beside the first; if that comes about while the first is
// still silent, the session goes on over it (XEP-0198 §5).

// beside is an attempt to connect beside a silent stream.
type beside struct {
	cancel context.CancelFunc
	began  time.Time
}

// Bounds of the patience with a server that is asked because something is wrong.
const (
	urgentLeast = 300 * time.Millisecond
	urgentMost  = time.Second
	besidePause = time.Second // between two attempts beside a silent stream
	promptMost  = 8 * time.Second
	movedFor    = time.Minute // a move to another connection is remembered
)

var errSilent = errors.New("the server does not answer")

// urgent is how long a sign of life may take when there is reason for doubt: three
// round trips, within bounds.
func (k *core) urgent() time.Duration {
	if k.conn.rtt == 0 {
		return urgentMost
	}
	return min(max(3*k.conn.rtt, urgentLeast), urgentMost)
}

// prompt is how long the acknowledgement of what was sent may take before a second
// connection is tried: four round trips, so that a slow server is not asked to bear more
// connections, and enough for a packet that had to be sent again. Nothing but that
// acknowledgement tells of a dead path while everything goes by the server. Without a
// measured round trip it is silent. Moved is how often that has led to another
// connection of late without the server being any quicker there: each time doubles the patience, so that a
// server which is merely overloaded is not kept busy by clients that sign in again.
func prompt(rtt, silent time.Duration, moved int) time.Duration {
	d := silent
	if rtt > 0 {
		d = min(max(4*rtt, urgentMost), silent)
	}
	return min(d<<min(moved, 8), max(silent, promptMost))
}

// proveServer asks for a sign of life, unless one is owed already, and lets it take
// that long.
func (k *core) proveServer(silence time.Duration) {
	c := &k.conn
	switch {
	case c.stream == nil:
		return
	case c.asked.IsZero():
		if !c.stream.RequestAck() {
			k.request(k.server(), stanza.Get, ping.Ping{}.Encode, func(*stanza.Stanza, error) {})
		}
		k.asked(silence)
	case silence < c.silence:
		c.silence = silence
		k.checkServer()
	}
}

// asked notes that the server owes a sign of life from now on.
func (k *core) asked(silence time.Duration) {
	c := &k.conn
	c.asked, c.silence = time.Now(), silence
	k.timers.set(&c.check, c.asked.Add(silence), k.checkServer)
}

// serverAnswered notes a sign of life.
func (k *core) serverAnswered(at time.Time) {
	c := &k.conn
	if c.asked.IsZero() {
		return
	}
	sample := max(0, at.Sub(c.asked))
	if sample <= urgentMost/2 {
		c.moved = 0 // the server is not slow: it was the path
	}
	if c.rtt == 0 {
		c.rtt = sample
	} else {
		c.rtt += (sample - c.rtt) / 8
	}
	c.asked = time.Time{}
	k.giveUpBeside()
}

// heard is when the server was last heard of.
func (c *connection) heard() time.Time { return later(c.stream.Link().Quality().LastHeard, c.upAt) }

// checkServer asks a quiet server for a sign of life, tries a second connection
// beside one that gives none, and gives it up after that.
func (k *core) checkServer() {
	c := &k.conn
	if c.stream == nil {
		return
	}
	now, t, heard := time.Now(), &k.cfg.Times, c.heard()
	if !c.asked.IsZero() && heard.After(c.asked) {
		k.serverAnswered(heard)
	}
	if c.asked.IsZero() {
		if now.Sub(heard) >= t.KeepAlive {
			k.proveServer(t.Silent)
			return
		}
		k.timers.set(&c.check, later(heard.Add(t.KeepAlive), now.Add(time.Second)), k.checkServer)
		return
	}
	silent := now.Sub(c.asked)
	if silent >= t.DeadServer {
		k.giveUpBeside()
		k.drop(fmt.Errorf("the server has not answered for %v", silent.Round(time.Second)))
		return
	}
	next := c.asked.Add(t.DeadServer)
	switch at := later(c.asked.Add(c.silence), c.besideAt); {
	case c.beside != nil:
	case now.Before(at):
		next = at
	default:
		k.dialBeside()
	}
	k.timers.set(&c.check, next, k.checkServer)
}

// dialBeside connects beside the silent stream.
func (k *core) dialBeside() {
	ctx, cancel := context.WithTimeout(k.ctx, dialTime(k.conn.tries, k.cfg.Times.Dial))
	b, domain := &beside{cancel, time.Now()}, k.self.Domain()
	k.conn.beside = b
	k.log.Info("the server is silent; connecting beside", "account", k.self.String())
	k.async(func() {
		defer cancel()
		l, err := k.cfg.Dialer.Dial(ctx, domain)
		if !k.box.put(func() { k.besideDialed(b, l, err) }) && l != nil {
			l.Abort()
		}
	})
}

// besideDialed takes the outcome.
func (k *core) besideDialed(b *beside, l link.Link, err error) {
	c := &k.conn
	if c.beside != b || k.leaving {
		if l != nil {
			l.Abort()
		}
		return
	}
	c.beside = nil
	switch {
	case err != nil && c.stream == nil:
		k.retryLater(err)
	case err != nil:
		k.log.Debug("no connection beside", "error", err)
		c.besideAt = time.Now().Add(besidePause)
		k.checkServer()
	case c.stream == nil: // it broke meanwhile
		k.signIn(l)
	case c.asked.IsZero() || c.heard().After(c.asked):
		l.Abort() // it lives
		k.checkServer()
	default:
		k.lose(errSilent)
		c.moved, c.movedAt = c.moves(time.Now())+1, time.Now()
		k.signIn(l)
	}
}

// moves is how often the session went on over another connection of late because the
// server was silent.
func (c *connection) moves(now time.Time) int {
	if now.Sub(c.movedAt) >= movedFor {
		return 0
	}
	return c.moved
}

// giveUpBeside ends an attempt beside a stream that needs none.
func (k *core) giveUpBeside() {
	if b := k.conn.beside; b != nil {
		k.conn.beside = nil
		b.cancel()
	}
}

// networkChanged proves everything, or connects, at once, and begins to replace
// direct links. What failed before says nothing about what comes now.
func (k *core) networkChanged() {
	c, now := &k.conn, time.Now()
	c.tries, c.moved, c.besideAt = 0, 0, time.Time{}
	if c.beside != nil && now.Sub(c.beside.began) >= urgentMost { // over a network that may be gone
		k.giveUpBeside()
	}
	switch {
	case c.stream != nil && k.addressGone():
		k.lose(errors.New("the network of this connection is gone"))
		k.giveUpBeside()
		k.connect()
	case c.stream != nil:
		k.proveServer(k.urgent())
		k.checkServer()
	case c.dialing && now.Sub(c.began) >= urgentMost: // over a network that may be gone
		c.cancel()
		c.dialing = false
		k.connect()
	default:
		k.connect()
	}
	k.renewLinks(now)
}

// addressGone reports whether the device no longer has the address from which it is
// connected to the server.
func (k *core) addressGone() bool {
	local := k.conn.stream.Link().LocalAddr().Addr()
	return k.cfg.HasAddress != nil && local.IsValid() && !k.cfg.HasAddress(local)
}
