package client

import (
	"cmp"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"godwit/jid"
	"godwit/stanza"
	"godwit/xep/caps"
	"godwit/xep/delay"
	"godwit/xep/reach"
	"godwit/xmlstream"
)

// presences are the devices of contacts that are online. Only those of people
// whose presence the user asked to see are kept, so its size is bounded by the
// roster and Limits.Resources.
type presences struct {
	people map[jid.JID]map[jid.JID]*device // by bare, then full address
	asked  map[jid.JID]bool                // who asked for a subscription in this session
	sweep  alarm
}

// device is one client of a contact that is online.
type device struct {
	jid          jid.JID
	show         Show
	status       string
	priority     int8
	since        time.Time
	caps         caps.Caps
	reach        reach.Reach
	software     *software // what it can do; nil until known
	name         string    // by XEP-0092, when capabilities tell no name
	asked        bool      // about its capabilities, on its own account
	doubtful     bool      // from before a fresh session; gone unless told again
	versionAsked bool
	announced    bool  // its coming was told
	changed      alarm // when a change is to be told
	told         []time.Time
}

func (p *presences) init() {
	p.people = map[jid.JID]map[jid.JID]*device{}
	p.asked = map[jid.JID]bool{}
}

// asking notes a request and reports whether to tell it.
func (p *presences) asking(j jid.JID) bool {
	if p.asked[j] || len(p.asked) >= maxAsking {
		return false
	}
	p.asked[j] = true
	return true
}

func (p *presences) answered(j jid.JID) { delete(p.asked, j) }

// doubt marks everybody: in a fresh session the server tells anew who is online.
func (p *presences) doubt() {
	clear(p.asked)
	for _, devices := range p.people {
		for _, d := range devices {
			d.doubtful = true
		}
	}
}

// devices lists who is online under a bare address, the preferred first.
func (p *presences) devices(bare jid.JID) []*device {
	var out []*device
	for _, d := range p.people[bare] {
		if !d.doubtful {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b *device) int {
		return cmp.Or(-cmp.Compare(a.priority, b.priority), cmp.Compare(a.jid.String(), b.jid.String()))
	})
	return out
}

func (p *presences) find(full jid.JID) *device { return p.people[full.Bare()][full] }

// handlePresence takes a presence from the server.
func (k *core) handlePresence(s *stanza.Stanza) {
	switch s.Type {
	case stanza.Available, stanza.Unavailable:
		k.handleAvailability(s)
	case stanza.Subscribe, stanza.Subscribed, stanza.Unsubscribe, stanza.Unsubscribed:
		k.handleSubscription(s)
	case stanza.ErrorType:
		k.log.Info("a presence was refused", "from", s.From.String(), "error", s.Err())
	}
}

func (k *core) handleAvailability(s *stanza.Stanza) {
	bare := s.From.Bare()
	if !s.From.IsFull() || bare == k.self || !k.roster.seen(bare) {
		return // nobody the user asked to see
	}
	if s.Type == stanza.Unavailable {
		k.deviceGone(s.From, clip(s.Text("status"), maxStatus))
		return
	}
	d := k.people.find(s.From)
	if d == nil {
		devices := k.people.people[bare]
		if len(devices) >= k.cfg.Limits.Resources {
			k.log.Debug("too many devices of one contact", "contact", bare.String())
			return
		}
		if devices == nil {
			devices = map[jid.JID]*device{}
			k.people.people[bare] = devices
		}
		d = &device{jid: s.From}
		devices[s.From] = d
	}
	before := *d
	d.read(s, k.server(), time.Now())
	k.describe(d)
	if !d.reach.Equal(before.reach) {
		k.reachChanged(d.jid)
	}
	if before.doubtful {
		k.reviewLinks(d.jid) // it is there after all
		if d.same(&before) {
			return
		}
	}
	k.announce(d)
}

// read takes over what a presence says.
func (d *device) read(s *stanza.Stanza, server jid.JID, now time.Time) {
	d.doubtful = false
	if d.since.IsZero() {
		d.since = now
	}
	if n, ok := s.Child(delay.NS, "delay"); ok {
		if t, err := delay.Parse(n); err == nil && t.Stamp.Before(now) {
			d.since = t.Stamp
		}
	}
	d.show = Show(s.Text("show"))
	if !d.show.Valid() {
		d.show = Present
	}
	d.status = clip(s.Text("status"), maxStatus)
	priority, err := strconv.ParseInt(s.Text("priority"), 10, 8)
	if err != nil {
		priority = 0
	}
	d.priority = int8(priority)
	d.reach = reach.Reach{}
	if n, ok := s.Child(reach.NS, "reach"); ok {
		if parsed, err := reach.Parse(n); err == nil {
			d.reach = parsed
		}
	}
	var c caps.Caps
	if n, ok := s.Child(caps.NS, "c"); ok {
		if parsed, err := caps.Parse(n); err == nil {
			c = parsed
		}
	}
	if c != d.caps {
		d.caps, d.software, d.name, d.asked, d.versionAsked = c, nil, "", false, false
	}
}

func (d *device) same(o *device) bool {
	return d.show == o.show && d.status == o.status && d.priority == o.priority && d.caps == o.caps && d.reach.Equal(o.reach) && o.announced
}

// Coming and changing is told at once, but somebody who changes all the time is
// told at most once a second, with the latest.
const (
	burst      = 8
	burstTime  = 10 * time.Second
	calmPause  = time.Second
	nameDelay  = 2 * time.Second // a coming waits so long for the name of the software
	sweepDelay = 10 * time.Second
)

// announce tells about d, now or as soon as it may.
func (k *core) announce(d *device) {
	now := time.Now()
	switch {
	case d.changed.isSet():
	case !d.announced && d.software == nil && d.name == "":
		k.timers.set(&d.changed, now.Add(nameDelay), func() { k.tell(d) })
	case d.flooding(now):
		k.timers.set(&d.changed, now.Add(calmPause), func() { k.tell(d) })
	default:
		k.tell(d)
	}
}

func (d *device) flooding(now time.Time) bool {
	d.told = slices.DeleteFunc(d.told, func(t time.Time) bool { return now.Sub(t) > burstTime })
	return len(d.told) >= burst
}

func (k *core) tell(d *device) {
	k.timers.stop(&d.changed)
	d.announced = true
	if len(d.told) < burst {
		d.told = append(d.told, time.Now())
	}
	k.emit(k.presenceOf(d))
}

func (k *core) presenceOf(d *device) PresenceChanged {
	e := PresenceChanged{From: d.jid, Available: true, Show: d.show, Status: d.status, Priority: d.priority, Since: d.since, Client: d.name,
		Reach: d.reach}
	if e.Client == "" {
		e.Client = d.reach.Client
	}
	if d.software != nil {
		if d.software.name != "" {
			e.Client = d.software.name
		}
		e.Direct = k.canLink(d)
	}
	return e
}

// deviceGone takes a device out.
func (k *core) deviceGone(full jid.JID, status string) {
	d := k.people.find(full)
	if d == nil {
		return
	}
	k.timers.stop(&d.changed)
	bare := full.Bare()
	delete(k.people.people[bare], full)
	if len(k.people.people[bare]) == 0 {
		delete(k.people.people, bare)
	}
	if d.announced {
		e := k.presenceOf(d)
		e.Available, e.Show, e.Status = false, Present, status
		k.emit(e)
	}
	k.forgetDevice(full)
	k.reviewReceipts(bare)
}

// forgetPresence takes out everybody of a contact whose presence the user no
// longer sees.
func (k *core) forgetPresence(bare jid.JID) {
	for full := range k.people.people[bare] {
		k.deviceGone(full, "")
	}
}

// sweepPresence takes out who was online before a fresh session and is not any
// more.
func (k *core) sweepPresence() {
	for _, devices := range k.people.people {
		for full, d := range devices {
			if d.doubtful {
				k.deviceGone(full, "")
			}
		}
	}
}

// sendOwnPresence tells contacts how available the user is.
func (k *core) sendOwnPresence() {
	if !k.online() || !k.catch.begun {
		return
	}
	p := k.presence
	if p.Invisible {
		if k.catch.present {
			k.sendPresence(stanza.Unavailable, jid.JID{})
			k.catch.present = false
		}
		return
	}
	own, known := k.ownCaps(k.ownInfo()), reach.Reach{}
	if k.announces() {
		known = k.presentable()
	}
	k.reach.told = known
	k.timers.stop(&k.reach.tell)
	k.send(stanza.Build(stanza.Presence, stanza.Available, jid.JID{}, jid.JID{}, newID(), func(e *xmlstream.Encoder) {
		if p.Show != Present {
			e.Leaf(stanza.NSClient, "show", string(p.Show))
		}
		if p.Status != "" {
			e.Leaf(stanza.NSClient, "status", p.Status)
		}
		if p.Priority != 0 {
			e.Leaf(stanza.NSClient, "priority", strconv.Itoa(int(p.Priority)))
		}
		own.Encode(e)
		if !known.IsZero() {
			known.Encode(e)
		}
	}))
	if !k.catch.present {
		k.catch.present = true
		k.after(&k.people.sweep, sweepDelay, k.sweepPresence)
	}
}

// clip shortens s to at most n bytes, between characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
