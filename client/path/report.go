package path

import (
	"slices"
	"time"
)

func (c *Chat) emit(e Effect) { c.out = append(c.out, e) }

// reportSent tells once that a path has taken responsibility for m.
func (c *Chat) reportSent(m *msg, via Kind) {
	if !m.sent {
		m.sent = true
		c.emit(Effect{Action: Sent, ID: m.id, Via: via})
	}
}

// atServer notes the server's acknowledgement.
func (c *Chat) atServer(m *msg, now time.Time) {
	if !m.atServer {
		m.atServer, m.serverAt = true, now
	}
	c.server.acked = max(c.server.acked, min(m.serverSeq, c.server.cursor))
	if m.settled {
		return
	}
	c.reportSent(m, Server)
	if !c.receipts {
		c.settle(m, now)
	}
}

// deliver notes that the peer's client has m.
func (c *Chat) deliver(m *msg, via Kind, now time.Time) {
	if m.delivered || m.failed {
		return
	}
	m.delivered = true
	if m.settled {
		return
	}
	c.reportSent(m, via)
	c.emit(Effect{Action: Delivered, ID: m.id, Via: via})
	c.settle(m, now)
}

// fail notes that m was refused for good.
func (c *Chat) fail(m *msg, now time.Time) {
	if m.settled {
		return
	}
	m.failed = true
	c.emit(Effect{Action: Failed, ID: m.id, Reason: m.refused})
	c.settle(m, now)
}

// settle ends the care for m. Its place in the order is kept a while; a message that waits has none.
func (c *Chat) settle(m *msg, now time.Time) {
	if m.settled {
		return
	}
	m.settled, m.settledAt = true, now
	c.emit(Effect{Action: Settled, ID: m.id})
	if m.seq == 0 {
		c.drop(m)
		c.waiting = slices.DeleteFunc(c.waiting, func(w *msg) bool { return w == m })
		if m.route != "" {
			c.special--
		}
	}
}

// onLink reports whether a link may still deliver m.
func (c *Chat) onLink(m *msg) bool {
	for _, l := range c.links {
		for _, f := range l.unacked {
			if f.m == m {
				return true
			}
		}
	}
	return false
}
