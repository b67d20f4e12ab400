package path

import "time"

// The barrier at a change of path.
const (
	maxHolds   = 4                // after so many that did not help the change is made without one
	firstPause = time.Second      // before the second one; doubles
	longPause  = 30 * time.Second // at most
)

// holdState tells where the barrier stands.
func (c *Chat) holdState(now time.Time) hold {
	switch {
	case c.holdFails >= maxHolds:
		return holdGivenUp
	case !c.holdUntil.IsZero() && now.Before(c.holdUntil):
		return holdOn
	case !c.holdUntil.IsZero():
		return holdOver
	case now.Before(c.holdNext):
		return holdBackoff
	}
	return holdReady
}

// keepHold begins, keeps or ends the barrier.
func (c *Chat) keepHold(want bool, was hold, now time.Time) {
	switch {
	case want && was == holdReady:
		c.holdUntil = now.Add(c.cfg.Hold)
	case want:
	case was == holdOver:
		c.holdUntil = time.Time{}
		c.holdNext = now.Add(min(firstPause<<c.holdFails, longPause))
		c.holdFails++
	default:
		c.holdUntil = time.Time{}
	}
}

// holding reports whether new messages are being held.
func (c *Chat) holding() bool { return !c.holdUntil.IsZero() }

// facts gathers what decide needs to know.
func (c *Chat) facts(now time.Time, best *lnk, h hold) facts {
	f := facts{
		route:   c.route,
		server:  c.server.up,
		mode:    c.mode,
		none:    best == nil,
		steady:  c.returned.IsZero() || !now.Before(c.returned.Add(c.cfg.Steady)),
		tired:   now.Before(c.barUntil),
		waiting: len(c.waiting) > c.special,
		brisk:   now.Sub(c.handed) < c.cfg.Lapse,
		hold:    h,
	}
	if c.carrier != nil {
		f.carrier = c.carrier.trust
	}
	if best == nil {
		return f
	}
	f.link, f.same, f.relay, f.shaky = best.trust, best == c.carrier, best.Kind == Relay, best.lapses > 0
	if best.trust == unproven {
		return f
	}
	f.barred = !c.open(best)
	if !f.same && best.trust == trusted {
		o := c.outstanding(now, best)
		f.clear = o.clear
		f.stale = !o.staleAt.IsZero() && !now.Before(o.staleAt)
	}
	return f
}

// best returns the link that would serve best, or nil: a trusted one before any other, a direct one before a relay, the device
// the peer last wrote from, and of several links to one device the newest, so that both ends settle on the same one.
func (c *Chat) best() *lnk {
	var best *lnk
	for _, l := range c.links {
		if best == nil || c.better(l, best) {
			best = l
		}
	}
	return best
}

// better reports whether l, which came later, serves better than k.
func (c *Chat) better(l, k *lnk) bool {
	if a, b := c.score(l), c.score(k); a != b {
		return a > b
	}
	if l.Device == k.Device {
		return l.trust == trusted || k != c.carrier
	}
	if l.Device == c.active || k.Device == c.active {
		return l.Device == c.active
	}
	return k != c.carrier
}

func (c *Chat) score(l *lnk) int {
	s := 0
	switch l.trust {
	case trusted:
		s = 4
	case lapsed:
		s = 2
	}
	if l.Kind == Direct {
		s++
	}
	return s
}

// covered is the place up to which everything is at the link's device, or went before on this very link.
func (c *Chat) covered(l *lnk) uint64 { return max(l.cursor, c.known[l.Device]) }

// open reports whether the link could carry the next message without breaking the order, once it has caught up.
func (c *Chat) open(l *lnk) bool {
	covered := c.covered(l)
	if c.floor > covered {
		return false
	}
	for _, m := range c.win.after(covered) {
		if !m.settled && c.effective(m) == OnlyServer {
			return false
		}
	}
	return true
}

// rest is what stands between the chat and a link it does not use yet.
type rest struct {
	clear   bool      // nothing: everything before is there
	clearAt time.Time // when nothing will be left if no message comes; zero when that depends on an answer
	staleAt time.Time // when the answers will have been waited for long enough
}

// outstanding tells what was handed to other paths and is not known to be at the link's device.
func (c *Chat) outstanding(now time.Time, l *lnk) rest {
	r := rest{clear: true}
	var waits bool
	for _, m := range c.win.after(c.covered(l)) {
		if m.settled {
			// Another device has it, or nobody will tell. It is given a moment to reach this one too.
			if t := m.settledAt.Add(c.cfg.Linger); !m.failed && now.Before(t) {
				r.clear, r.clearAt = false, later(r.clearAt, t)
			}
			continue
		}
		r.clear = false
		if m.seq > c.server.cursor {
			waits = true // on no live path but a link
			continue
		}
		patience := c.cfg.ServerStall
		if m.atServer {
			patience = c.cfg.ReceiptStall
		}
		waits = true
		r.staleAt = earlier(r.staleAt, later(m.serverAt, l.since).Add(patience))
		if !m.atServer {
			break // later ones were handed over later
		}
	}
	if waits {
		r.clearAt = time.Time{}
	}
	return r
}
