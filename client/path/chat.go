package path

import (
	"slices"
	"time"

	"godwit/jid"
)

// Chat decides for one peer. It is a pure value: no clock, goroutine or I/O. Each input takes the time, which never runs
// backwards, and returns what to do; the returned slice is valid until the next call. One goroutine owns it.
type Chat struct {
	cfg      Config
	route    Route
	receipts bool
	now      time.Time // of the last input
	out      []Effect

	// Messages. Every message in byID is in waiting or in win (or, once settled, may be gone from both).
	byID    map[string]*msg
	odd     int    // how many of these have a route of their own
	waiting []*msg // not handed over yet, in the order of Add
	special int    // how many of those have a route of their own
	win     window
	seq     uint64    // the last place given
	floor   uint64    // messages up to here left the window with only the server's word for them
	handed  time.Time // when a message was last handed over

	// Paths.
	server struct {
		up     bool
		cursor uint64 // everything up to here is at the peer, or went before on the server path
		acked  uint64 // the part of it that survives the end of the session
	}
	links  []*lnk
	known  map[jid.JID]uint64 // by device: everything up to here has arrived there
	active jid.JID            // the device the peer last wrote from

	// The choice.
	mode      Mode
	carrier   *lnk // the link that carries, when mode says one does
	told      bool // the caller knows the choice
	holdUntil time.Time
	holdNext  time.Time
	holdFails int
	returned  time.Time    // last return from doubling up
	carriedAt time.Time    // when the carrier took over
	lost      [2]time.Time // when a carrying link was lost young last, and before that
	barUntil  time.Time    // no link may carry before
}

// maxKnown bounds the devices that are remembered without a link.
const maxKnown = 16

// NewChat returns a chat with no path and route Auto. Its peer is taken to send receipts until SetReceipts says otherwise.
func NewChat(cfg Config) *Chat {
	return &Chat{cfg: cfg.withDefaults(), route: Auto, receipts: true, told: true, byID: map[string]*msg{}, known: map[jid.JID]uint64{}}
}

// Add takes a new message, which is durable in the outbox. route "" means the chat's. An id that is known is ignored.
func (c *Chat) Add(now time.Time, id string, route Route) []Effect {
	c.begin(now)
	if c.byID[id] == nil {
		m := &msg{id: id, route: route}
		c.keep(m)
		c.waiting = append(c.waiting, m)
		if route != "" {
			c.special++
		}
	}
	return c.step(now)
}

// Restore takes a message from the outbox of an earlier run, in the order of the outbox and before any path is up. sent says that
// the server had acknowledged it; Sent is not reported again then.
func (c *Chat) Restore(now time.Time, id string, route Route, sent bool) []Effect {
	if !sent || c.byID[id] != nil {
		return c.Add(now, id, route)
	}
	c.begin(now)
	m := &msg{id: id, route: route, sent: true, atServer: true, serverAt: now}
	c.keep(m)
	c.place(m)
	m.serverSeq = m.seq
	c.server.cursor, c.server.acked = m.seq, m.seq
	if !c.receipts {
		c.settle(m, now)
	}
	return c.step(now)
}

// SetRoute changes the chat's route. It holds for messages under way too: what is unconfirmed on a path that is no longer
// wanted goes to the wanted one.
func (c *Chat) SetRoute(now time.Time, r Route) []Effect {
	c.begin(now)
	if r.Valid() {
		c.route = r
	}
	return c.step(now)
}

// SetReceipts tells whether the peer's clients confirm messages (XEP-0184). If not, the server's acknowledgement settles a
// message.
func (c *Chat) SetReceipts(now time.Time, on bool) []Effect {
	c.begin(now)
	c.receipts = on
	if !on {
		for _, m := range c.win.list {
			if m.atServer {
				c.settle(m, now)
			}
		}
	}
	return c.step(now)
}

// ServerUp tells that the stream to the server is ready. resumed: the session before went on (XEP-0198 §5), so that the stream
// itself sends again what was handed over and not acknowledged.
func (c *Chat) ServerUp(now time.Time, resumed bool) []Effect {
	c.begin(now)
	c.server.up = true
	if !resumed {
		c.server.cursor = c.server.acked
	}
	for _, m := range c.win.after(c.server.acked) {
		m.serverAt = now
	}
	return c.step(now)
}

// ServerDown tells that the stream to the server broke, whether or not it can be resumed.
func (c *Chat) ServerDown(now time.Time) []Effect {
	c.begin(now)
	c.server.up = false
	return c.step(now)
}

// ServerAcked tells that the server has taken responsibility for a message (XEP-0198 §4).
func (c *Chat) ServerAcked(now time.Time, id string) []Effect {
	c.begin(now)
	if m := c.byID[id]; m != nil && m.serverSeq != 0 {
		c.atServer(m, now)
	}
	return c.step(now)
}

// Receipt tells that a device of the peer confirmed a message (XEP-0184) that reached it through the server.
func (c *Chat) Receipt(now time.Time, id string, device jid.JID) []Effect {
	c.begin(now)
	if m := c.byID[id]; m != nil {
		c.deliver(m, Server, now)
		if m.serverSeq != 0 {
			c.learn(device, m.serverSeq)
			c.server.acked = max(c.server.acked, min(m.serverSeq, c.server.cursor))
		}
	}
	return c.step(now)
}

// Refuse tells that a message came back with an error (RFC 6120 §8.3).
func (c *Chat) Refuse(now time.Time, id, reason string) []Effect {
	c.begin(now)
	if m := c.byID[id]; m != nil {
		if reason == "" {
			reason = "refused"
		}
		m.refused = reason
		if !c.onLink(m) {
			c.fail(m, now)
		}
	}
	return c.step(now)
}

// LinkUp tells of a new link. It carries nothing until its first probe is answered.
func (c *Chat) LinkUp(now time.Time, l Link) []Effect {
	c.begin(now)
	if l.ID != 0 && c.find(l.ID) == nil {
		c.links = append(c.links, &lnk{Link: l, upAt: now})
	}
	return c.step(now)
}

// LinkDown tells that a link is gone. What was under way on it and not acknowledged goes elsewhere.
func (c *Chat) LinkDown(now time.Time, id LinkID) []Effect {
	c.begin(now)
	if l := c.find(id); l != nil {
		c.forget(l, now)
	}
	return c.step(now)
}

// LinkAcked tells that the other end of a link acknowledged everything handed to it up to tag (Effect.Tag); 0 when it answered a
// probe and no message is newly acknowledged.
func (c *Chat) LinkAcked(now time.Time, id LinkID, tag uint64) []Effect {
	c.begin(now)
	l := c.find(id)
	if l == nil {
		return c.step(now)
	}
	acked, ok := l.answer(now, tag)
	for _, f := range acked {
		c.deliver(f.m, l.Kind, now)
		c.learn(l.Device, f.seq)
	}
	if ok && l.trust != trusted && l.proven(now, &c.cfg) {
		l.trusts(now, &c.cfg)
	}
	return c.step(now)
}

// LinkMoved tells that a link travels another way from now on, without a break.
func (c *Chat) LinkMoved(now time.Time, id LinkID, kind Kind) []Effect {
	c.begin(now)
	if l := c.find(id); l != nil && l.Kind != kind {
		l.Kind = kind
		if l == c.carrier {
			c.told = false // the caller knows it as the other kind
		}
	}
	return c.step(now)
}

// Suspect tells that the device's network changed: every link has to prove itself at once, and what was lost before says nothing
// about what comes now.
func (c *Chat) Suspect(now time.Time) []Effect {
	c.begin(now)
	c.lost, c.barUntil, c.returned = [2]time.Time{}, time.Time{}, time.Time{}
	for _, l := range c.links {
		l.wantAck = true
	}
	return c.step(now)
}

// PeerActive tells which device the peer last wrote from, so that it is preferred among several links.
func (c *Chat) PeerActive(now time.Time, device jid.JID) []Effect {
	c.begin(now)
	c.active = device
	return c.step(now)
}

// Wake lets time pass. It is due at Next.
func (c *Chat) Wake(now time.Time) []Effect {
	c.begin(now)
	return c.step(now)
}

// Mode tells what carries new messages, and over which link (0: none).
func (c *Chat) Mode() (Mode, LinkID) {
	if c.carrier == nil {
		return c.mode, 0
	}
	return c.mode, c.carrier.ID
}

// Route returns the chat's route.
func (c *Chat) Route() Route { return c.route }

// Trusted reports whether a link is proven and answers in time, and its last measured round trip.
func (c *Chat) Trusted(id LinkID) (ok bool, rtt time.Duration) {
	if l := c.find(id); l != nil {
		return l.trust == trusted, l.rtt
	}
	return false, 0
}

// Lapsed reports whether a link owes an answer for too long.
func (c *Chat) Lapsed(id LinkID) bool {
	l := c.find(id)
	return l != nil && l.trust == lapsed
}

// Quick appends to dst where to send what needs no order and no guarantee, such as chat states and receipts: one path, or two
// while trust is in doubt; 0 is the server. Nothing is appended when nothing can carry it.
func (c *Chat) Quick(dst []LinkID) []LinkID {
	direct := c.route != OnlyServer
	if l := c.best(); direct && l != nil && l.trust == trusted && (l.Kind == Direct || c.route == Auto) {
		return append(dst, l.ID)
	}
	if direct && c.carrier != nil {
		dst = append(dst, c.carrier.ID)
	}
	if c.server.up && c.route != OnlyDirect {
		dst = append(dst, 0)
	}
	return dst
}

// Outstanding tells how many messages wait and how many are handed over without being confirmed.
func (c *Chat) Outstanding() (waiting, unconfirmed int) {
	for _, m := range c.win.list {
		if !m.settled {
			unconfirmed++
		}
	}
	return len(c.waiting), unconfirmed
}

// Idle reports whether the chat holds nothing that a new one would not: no message, no link.
func (c *Chat) Idle() bool { return len(c.byID)+len(c.links) == 0 }

func (c *Chat) begin(now time.Time) {
	c.now = now
	clear(c.out)
	c.out = c.out[:0]
}

func (c *Chat) find(id LinkID) *lnk {
	for _, l := range c.links {
		if l.ID == id {
			return l
		}
	}
	return nil
}

// effective is the route that holds for m.
func (c *Chat) effective(m *msg) Route {
	if m.route != "" {
		return m.route
	}
	return c.route
}

func (c *Chat) keep(m *msg) {
	c.byID[m.id] = m
	if m.route != "" {
		c.odd++
	}
}

func (c *Chat) drop(m *msg) {
	if c.byID[m.id] != m {
		return
	}
	delete(c.byID, m.id)
	if m.route != "" {
		c.odd--
	}
}

// place gives m the next place in the order.
func (c *Chat) place(m *msg) {
	c.seq++
	m.seq = c.seq
	c.win.push(m)
}

// learn notes that everything up to seq has arrived at device.
func (c *Chat) learn(device jid.JID, seq uint64) {
	if device.IsZero() {
		return
	}
	if _, ok := c.known[device]; !ok && len(c.known) >= maxKnown {
		for d := range c.known {
			if !slices.ContainsFunc(c.links, func(l *lnk) bool { return l.Device == d }) {
				delete(c.known, d)
				break
			}
		}
	}
	c.known[device] = max(c.known[device], seq)
}
