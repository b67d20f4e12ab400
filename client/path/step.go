package path

import (
	"slices"
	"time"
)

// step brings everything up to date after an input: trust, the choice, what has to be sent again, what waits, probes.
func (c *Chat) step(now time.Time) []Effect {
	c.judge(now)
	c.prune(now)
	c.choose(now)
	c.catchUp(now)
	c.flush(now)
	c.prune(now)
	c.probe(now)
	return c.out
}

// judge lets trust lapse and gives up dead links.
func (c *Chat) judge(now time.Time) {
	for i := 0; i < len(c.links); i++ {
		l := c.links[i]
		if at := l.doubtAt(&c.cfg); !at.IsZero() && !now.Before(at) {
			l.doubted = true
			c.emit(Effect{Action: Doubt, Link: l.ID, Device: l.Device, Via: l.Kind})
		}
		if at := l.lapseAt(&c.cfg); l.trust == trusted && !at.IsZero() && !now.Before(at) {
			l.lapse()
		}
		if l.trust == lapsed && !l.repaired {
			l.repaired = true
			c.emit(Effect{Action: Repair, Link: l.ID, Device: l.Device, Via: l.Kind})
		}
		reason := ""
		switch {
		case l.trust == lapsed && !now.Before(l.deadAt(&c.cfg)):
			reason = "no answer"
		case l.trust == unproven && !now.Before(l.deadAt(&c.cfg)):
			reason = "never answered"
		case c.spare(l, now) && !now.Before(l.spareAt.Add(c.cfg.Dead)):
			reason = "replaced"
		default:
			continue
		}
		c.emit(Effect{Action: Drop, Link: l.ID, Device: l.Device, Via: l.Kind, Reason: reason})
		c.forget(l, now)
		i--
	}
}

// spare reports whether a better link to the same device carries instead of l, and since when in spareAt: a newer one of the same
// kind, or a direct one instead of a relay.
func (c *Chat) spare(l *lnk, now time.Time) bool {
	k := c.carrier
	if k == nil || k == l || k.Device != l.Device || k.trust != trusted || len(l.unacked) > 0 ||
		k.Kind == l.Kind && slices.Index(c.links, k) < slices.Index(c.links, l) || k.Kind == Relay && l.Kind == Direct {
		l.spareAt = time.Time{}
		return false
	}
	if l.spareAt.IsZero() {
		l.spareAt = now
	}
	return true
}

// forget takes a link out. What is under way on it stays in the window and is sent again where the choice falls.
func (c *Chat) forget(l *lnk, now time.Time) {
	c.links = slices.DeleteFunc(c.links, func(k *lnk) bool { return k == l })
	for _, f := range l.unacked {
		if f.m.refused != "" && !c.onLink(f.m) {
			c.fail(f.m, now)
		}
	}
	if c.carrier == l {
		if l.proofAt.Sub(c.carriedAt) < c.cfg.Young {
			if before := c.lost[1]; !before.IsZero() && now.Sub(before) < c.cfg.Steady {
				c.barUntil = now.Add(c.cfg.Steady)
			}
			c.lost = [2]time.Time{now, c.lost[0]}
		}
		c.carrier = nil
		if c.mode == DoubledUp {
			c.mode = ViaServer
		} else {
			c.mode = None
		}
		c.told = false // so that the change is told whatever comes next
	}
}

// prune forgets messages that nobody waits for any more.
func (c *Chat) prune(now time.Time) {
	c.release(now)
	known, anywhere := uint64(0), uint64(0)
	if c.carrier != nil && c.mode == ViaLink {
		known = c.known[c.carrier.Device]
	}
	for _, seq := range c.known {
		anywhere = max(anywhere, seq)
	}
	n := 0
	for _, m := range c.win.list {
		if !m.settled && m.seq <= anywhere && !now.Before(m.serverAt.Add(c.cfg.Linger)) && !c.onLink(m) {
			// A later one has arrived where this one must have arrived before: its own receipt was lost.
			c.deliver(m, Server, now)
		}
		if !m.settled || (m.seq > known && now.Before(m.settledAt.Add(c.cfg.Linger))) {
			break
		}
		c.drop(m)
		n++
	}
	c.win.dropHead(n)
	if len(c.win.list) > c.cfg.Window+c.cfg.Window/4 {
		c.collapse(now)
	}
}

// release ends the wait for receipts of messages that were to go by the server alone, once the server has had them for long: while
// they are unconfirmed nothing newer may use a link.
func (c *Chat) release(now time.Time) {
	if l := c.best(); c.odd == 0 || l == nil || l.trust != trusted {
		return
	}
	for _, m := range c.win.list {
		if m.route == OnlyServer && m.atServer && !now.Before(m.serverAt.Add(c.cfg.ReceiptStall)) {
			c.settle(m, now)
		}
	}
}

// collapse keeps the window bounded when the peer confirms nothing for long: the oldest messages that the server has taken
// responsibility for are no longer tracked. No link may carry before its device confirms a later one.
func (c *Chat) collapse(now time.Time) {
	excess := len(c.win.list) - c.cfg.Window
	for _, m := range c.win.remove(func(m *msg) bool {
		gone := excess > 0 && (m.settled || m.atServer)
		if gone {
			excess--
		}
		return gone
	}) {
		if !m.settled || now.Before(m.settledAt.Add(c.cfg.Linger)) {
			c.floor = max(c.floor, m.seq)
		}
		c.settle(m, now)
		c.drop(m)
	}
}

// choose decides what carries from now on, and tells when that is a change.
func (c *Chat) choose(now time.Time) {
	h := c.holdState(now)
	best := c.best()
	v := decide(c.facts(now, best, h))
	c.keepHold(v.hold, h, now)
	carrier := c.carrier
	switch {
	case v.mode == None || v.mode == ViaServer:
		carrier = nil
	case v.best:
		carrier = best
	}
	if v.mode == c.mode && carrier == c.carrier && c.told {
		return
	}
	if v.mode == ViaLink {
		c.holdFails = 0
		if c.mode == DoubledUp || c.carrier != nil && carrier != nil && c.carrier.Kind == Relay && carrier.Kind == Direct {
			c.returned = now
		}
	}
	if carrier != c.carrier {
		c.carriedAt = now
	}
	c.mode, c.carrier, c.told = v.mode, carrier, true
	e := Effect{Action: Changed, Mode: v.mode, Reason: v.reason}
	if v.mode == ViaServer {
		e.Via = Server
	}
	if carrier != nil {
		e.Link, e.Device, e.Via = carrier.ID, carrier.Device, carrier.Kind
	}
	c.emit(e)
}

// Next returns when Wake is due, or the zero time.
func (c *Chat) Next() time.Time {
	var next time.Time
	at := func(t time.Time) {
		if t.After(c.now) {
			next = earlier(next, t)
		}
	}
	for _, l := range c.links {
		at(l.probeDue(&c.cfg))
		at(l.doubtAt(&c.cfg))
		if l.trust == trusted {
			at(l.lapseAt(&c.cfg))
		} else {
			at(l.deadAt(&c.cfg))
		}
		if !l.spareAt.IsZero() {
			at(l.spareAt.Add(c.cfg.Dead))
		}
	}
	at(c.holdUntil)
	if best := c.best(); best != nil && best.trust == trusted && (best != c.carrier || c.mode != ViaLink) {
		at(c.returned.Add(c.cfg.Steady))
		at(c.barUntil)
		o := c.outstanding(c.now, best)
		at(o.clearAt)
		at(o.staleAt)
	}
	if n := len(c.win.list); n > 0 && len(c.links) == 0 && c.win.list[n-1].settled {
		at(c.win.list[n-1].settledAt.Add(c.cfg.Linger))
	}
	return next
}
