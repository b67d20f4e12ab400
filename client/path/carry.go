package path

import (
	"slices"
	"time"
)

// The one rule that keeps the order: a path is handed a message only when every earlier message is known to be at the device, or
// went before on that same path. toServer and toLink are the only places that hand anything over, and both catch up first.

// catchUp brings the paths that carry up to the rest of the chat.
func (c *Chat) catchUp(now time.Time) {
	if c.mode == ViaServer || c.mode == DoubledUp {
		c.catchServer(now)
	}
	if c.carrier != nil && c.open(c.carrier) {
		c.catchLink(c.carrier, now)
	}
	if c.odd > 0 && c.server.up && slices.ContainsFunc(c.win.after(c.server.cursor), c.needsServer) {
		c.catchServer(now)
	}
}

// needsServer reports whether m, by its own route, has to go to the server whatever carries the chat.
func (c *Chat) needsServer(m *msg) bool {
	if m.settled {
		return false
	}
	switch c.effective(m) {
	case OnlyServer:
		return true
	case Auto:
		return c.carrier == nil || m.seq > c.covered(c.carrier)
	}
	return false
}

// catchServer hands the server what is unconfirmed and did not go there. What must only go direct loses its place and waits.
func (c *Chat) catchServer(now time.Time) {
	rest := c.win.after(c.server.cursor)
	if len(rest) == 0 {
		return
	}
	if slices.ContainsFunc(rest, c.onlyDirect) {
		from := c.server.cursor
		back := c.win.remove(func(m *msg) bool { return m.seq > from && c.onlyDirect(m) })
		for _, m := range back {
			m.seq = 0
			if m.route != "" {
				c.special++
			}
		}
		c.waiting = append(back, c.waiting...)
		rest = c.win.after(from)
	}
	for _, m := range rest {
		if !m.settled {
			c.giveServer(m, now)
		}
		c.server.cursor = m.seq
	}
}

func (c *Chat) onlyDirect(m *msg) bool { return !m.settled && c.effective(m) == OnlyDirect }

// catchLink hands a link what is unconfirmed and did not go there. The link must be open.
func (c *Chat) catchLink(l *lnk, now time.Time) {
	for _, m := range c.win.after(c.covered(l)) {
		if !m.settled {
			c.giveLink(l, m, now)
		}
	}
}

func (c *Chat) giveServer(m *msg, now time.Time) {
	if m.serverSeq == 0 {
		m.serverSeq = m.seq
	}
	m.serverAt = now
	c.server.cursor = m.seq
	c.handed = now
	c.emit(Effect{Action: Hand, ID: m.id, Via: Server})
}

func (c *Chat) giveLink(l *lnk, m *msg, now time.Time) {
	l.unacked = append(l.unacked, flight{m: m, seq: m.seq, at: now})
	l.cursor = m.seq
	l.wantAck = true
	c.handed = now
	c.emit(Effect{Action: Hand, ID: m.id, Link: l.ID, Tag: m.seq, Via: l.Kind})
}

// flush hands over what waits, as far as a path is there for it.
func (c *Chat) flush(now time.Time) {
	if len(c.waiting) == 0 || c.special == 0 && (c.mode == None || c.holding()) {
		return
	}
	queue, special := c.waiting, false
	c.waiting, c.special = nil, 0
	var keep []*msg
	for _, m := range queue {
		// What lost its place on the way goes before anything else that must go direct.
		behind := len(c.waiting) > 0 && c.effective(m) == OnlyDirect
		if !behind && c.send(m, now) {
			special = special || m.route != ""
			continue
		}
		keep = append(keep, m)
		if m.route != "" {
			c.special++
		}
	}
	c.waiting = append(c.waiting, keep...)
	if special {
		c.choose(now)
		c.catchUp(now)
	}
}

// send hands m to the path or paths its route asks for. It reports false when m has to wait.
func (c *Chat) send(m *msg, now time.Time) bool {
	route := c.effective(m)
	if c.holding() && route != OnlyDirect {
		return false
	}
	server, link := c.mode == ViaServer || c.mode == DoubledUp, c.carrier
	if route != c.route {
		switch route {
		case OnlyServer:
			server, link = c.server.up, nil
		case OnlyDirect:
			server, link = false, c.directLink()
		case Auto:
			if c.mode == None {
				server = c.server.up
			}
		}
	}
	if link != nil && !c.open(link) {
		link = nil
		server = server || c.server.up && route == Auto
	}
	if !server && link == nil {
		return false
	}
	if server {
		c.catchServer(now)
	}
	if link != nil {
		c.catchLink(link, now)
	}
	c.place(m)
	if server {
		c.giveServer(m, now)
	}
	if link != nil {
		c.giveLink(link, m, now)
	}
	return true
}

// directLink is the trusted direct link, or nil.
func (c *Chat) directLink() *lnk {
	if l := c.best(); l != nil && l.trust == trusted && l.Kind == Direct {
		return l
	}
	return nil
}

// probe asks for acknowledgements where something is under way and none was asked for, and for signs of life where it is quiet.
func (c *Chat) probe(now time.Time) {
	for _, l := range c.links {
		if l.wantAck && l.probeAt.IsZero() || !now.Before(l.probeDue(&c.cfg)) {
			l.probeAt = now
			c.emit(Effect{Action: Probe, Link: l.ID})
		}
		l.wantAck = false
	}
}
