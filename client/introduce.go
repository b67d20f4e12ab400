package client

import (
	"errors"
	"io"
	"slices"
	"time"

	"godwit/client/path"
	"godwit/jid"
	"godwit/peer"
	"godwit/stanza"
)

// attempt is the history of introductions to one device.
type attempt struct {
	fails     int
	notBefore time.Time
	retry     alarm
	policy    bool      // it was the server's rule that refused the last one
	forgiven  time.Time // when failures were last forgotten
	good      time.Time // until when there was a good link; zero: never
	failedAt  time.Time // the last failure, and why
	reason    string

	renew     bool      // the network changed: the links there are need successors
	renewedAt time.Time // when one was last begun for that
	upgrades  int       // attempts to get around a relay
	upgradeAt time.Time // when the next is due
	look      alarm
}

// forgiveness is the shortest time between two times that failures with a device are
// forgotten because its network changed, which it can claim as often as it likes.
const forgiveness = 10 * time.Second

// forgive forgets failures, because a network changed: what failed before may work
// now. The server's refusal stays.
func (a *attempt) forgive(now time.Time) {
	if !a.policy {
		a.fails, a.notBefore, a.forgiven = 0, time.Time{}, now
		a.upgrades, a.upgradeAt = 0, now
	}
}

// Pauses between introductions.
const (
	introFirst   = 3 * time.Second
	introAgain   = 500 * time.Millisecond // instead, with a device there was a good link with a moment ago
	introMoment  = 30 * time.Second       // which is this long
	introMost    = 10 * time.Minute
	introRefused = 30 * time.Minute // after the server's policy said no
	introGood    = 3 * time.Second  // a link that lasted so long makes up for failures before it, and is built again at once when it breaks
	maxAttempts  = 1024
)

// nsIntroduce marks an error as the server's policy about introductions.
const nsIntroduce = "urn:godwit:introduce:0"

// situation is all that the decision to introduce depends on.
type situation struct {
	able      bool       // this client can build links, and may tell its addresses
	online    bool       // the server can pass the offer on
	route     path.Route // of the chat
	mutual    bool       // both see each other's presence
	wrote     time.Time  // when the user last wrote; zero: never in this run
	linked    bool       // to the device, or an introduction is under way
	room      bool       // for one more link
	notBefore time.Time  // because of earlier failures
}

// introduction decides whether to begin one now. If it is only too early, wait says
// when to look again.
func introduction(s situation, now time.Time, window time.Duration) (begin bool, wait time.Time) {
	switch {
	case !s.able, !s.online, s.route == path.OnlyServer, !s.mutual, s.linked, !s.room:
		return false, time.Time{}
	case s.wrote.IsZero(), now.Sub(s.wrote) >= window:
		return false, time.Time{} // whoever writes introduces; nobody keeps links to people they do not talk to
	case now.Before(s.notBefore):
		return false, s.notBefore
	}
	return true, time.Time{}
}

// considerIntroduction begins one with the preferred device of a contact, if it is
// time for it.
func (k *core) considerIntroduction(bare jid.JID) {
	c := k.links.chats[bare]
	if k.introduce == nil || c == nil || k.leaving {
		return
	}
	d := k.bestDevice(bare)
	if d == nil {
		return
	}
	a := k.links.tries[d.jid]
	s := situation{able: k.announces(), online: k.online(), route: k.choices.routeOf(bare),
		mutual: k.roster.mutual(bare) && !k.blocks.matches(d.jid), wrote: c.sent, linked: k.links.busy(d.jid),
		room: k.links.busyCount() < k.cfg.Limits.Introduced}
	if a != nil {
		s.notBefore = a.notBefore
	}
	now := time.Now()
	vain, ready := k.links.vain(d.jid)
	if len(vain) > 0 && !k.links.linked(d.jid) { // the link through the relay has ended
		if now.Before(ready) {
			k.timers.set(&k.links.attempt(d.jid).retry, ready, func() { k.considerIntroduction(bare) })
			return
		}
		s.linked = false
	}
	begin, wait := introduction(s, now, k.cfg.Times.IdleLink)
	switch {
	case begin:
		k.cancel(vain)
		k.begin(d, k.introduce.Connect)
	case !wait.IsZero():
		k.timers.set(&a.retry, wait, func() { k.considerIntroduction(bare) })
	}
}

func (k *core) begin(d *device, connect func(jid.JID, []string) error) {
	features := make([]string, 0, len(d.software.features))
	for f := range d.software.features {
		features = append(features, f)
	}
	if err := connect(d.jid, features); err != nil {
		k.log.Info("no introduction", "peer", d.jid.String(), "error", err)
	}
}

// bestDevice is the one to link with: of those that can, the one that wrote last,
// else the one the contact prefers.
func (k *core) bestDevice(bare jid.JID) *device {
	devices := slices.DeleteFunc(k.people.devices(bare), func(d *device) bool { return !k.canLink(d) })
	if len(devices) == 0 {
		return nil
	}
	for _, d := range devices {
		if c := k.links.chats[bare]; c != nil && d.jid == c.device {
			return d
		}
	}
	return devices[0]
}

// introduceAll looks at every chat and every link again, when the server is back.
func (k *core) introduceAll() {
	for bare := range k.links.chats {
		k.considerIntroduction(bare)
	}
	for _, l := range k.links.open {
		k.considerRenewal(l.device)
	}
}

// reviewLinks looks at a device again after something about its links changed.
func (k *core) reviewLinks(full jid.JID) {
	k.considerRenewal(full)
	k.considerIntroduction(full.Bare())
}

// busy reports whether there is a link to a device or one is being built.
func (l *links) busy(full jid.JID) bool {
	for _, o := range l.open {
		if o.device == full {
			return true
		}
	}
	return l.building(full)
}

// building reports whether an introduction with a device is under way.
func (l *links) building(full jid.JID) bool {
	for key, s := range l.sessions {
		if key.Peer == full && !s.opened {
			return true
		}
	}
	return false
}

// busyCount is how many links there are and are being built.
func (l *links) busyCount() int {
	n := len(l.open)
	for _, s := range l.sessions {
		if !s.opened {
			n++
		}
	}
	return n
}

// introductionEnded takes the end of an introduction or of its links.
func (k *core) introductionEnded(r peer.Report) {
	s, device := k.links.sessions[r.Key], r.Key.Peer
	delete(k.links.sessions, r.Key)
	if s == nil {
		return
	}
	if s.opened {
		k.considerRenewal(device) // a session less with the device
		return
	}
	k.log.Info("no direct link", "peer", device.String(), "reason", r.Reason.String())
	tie := r.Reason.Condition == peer.TieBreak // the other one's offer goes on
	policy := policyRefused(r.Reason.Err)
	switch {
	case tie:
	case !policy && (!k.online() || k.conn.upAt.After(s.since)):
		// What was said through the server did not get through, which says nothing about
		// the path. It begins again with the next stream, once for each.
	default:
		k.links.failed(device, time.Now(), r.Reason.String(), policy, k.links.relayed(device) && k.works(device))
	}
	if !s.quiet {
		k.emit(LinkChanged{LinkInfo: k.explained(LinkInfo{Peer: device, State: LinkDown, Since: s.since}, nil), Reason: r.Reason.String()})
	}
	if !tie {
		k.reviewLinks(device)
	}
}

// forgetIntroductions ends what was being introduced in a session that is over: an
// offer that the server lost would be waited for in vain. It begins again when the
// devices are seen.
func (k *core) forgetIntroductions() {
	if k.introduce == nil {
		return
	}
	there := false
	for key, s := range k.links.sessions {
		if s.linked {
			continue
		}
		there = true
		delete(k.links.sessions, key)
		if !s.quiet {
			k.emit(LinkChanged{LinkInfo: LinkInfo{Peer: key.Peer, State: LinkDown, Since: s.since}, Reason: "the session with the server is over"})
		}
	}
	if there {
		_ = k.introduce.Forget()
	}
}

// policyRefused reports whether the server, not the device, refused an introduction.
func policyRefused(err error) bool {
	var e *stanza.Error
	return errors.As(err, &e) && e.App.Name.Space == nsIntroduce
}

// attempt returns what is known of introductions to a device.
func (l *links) attempt(full jid.JID) *attempt {
	a := l.tries[full]
	if a == nil {
		l.prune(time.Now())
		a = &attempt{}
		l.tries[full] = a
	}
	return a
}

// failed notes that an introduction failed. policy: the server's rule refused it;
// around: a way around a relay that works was tried.
func (l *links) failed(full jid.JID, now time.Time, reason string, policy, around bool) {
	a := l.attempt(full)
	a.policy, a.failedAt, a.reason, a.renew = policy, now, reason, false
	if around && !policy {
		a.upgradeAt = now.Add(upgradePause(a.upgrades))
		a.upgrades++
		return
	}
	first := introFirst
	if !a.good.IsZero() && now.Sub(a.good) < introMoment {
		first = introAgain // what carried it a moment ago most likely will again
	}
	d := pause(a.fails, first, introMost, jitter())
	if policy {
		d = introRefused
	}
	a.fails++
	a.notBefore = now.Add(d)
}

// lost notes that a link broke. One that was good for a while is built again at once;
// one that was not counts as a failure, so that a path that opens and breaks is not
// tried all the time.
func (l *links) lost(o *directLink, now time.Time, reason string) {
	a := l.attempt(o.device)
	switch {
	case o.missed: // noted when it stopped answering
	case o.good():
		a.missed(now)
	default:
		l.failed(o.device, now, reason, false, false)
	}
	a.failedAt, a.reason = now, reason
}

// good reports whether a link has answered for a while.
func (o *directLink) good() bool { return o.heard.Sub(o.since) >= introGood }

// missed notes that a good link stopped working. It makes up for failures before it.
func (a *attempt) missed(now time.Time) { a.fails, a.good = 0, now }

// succeeded notes a link that came up.
func (l *links) succeeded(full jid.JID, kind path.Kind) {
	a, now := l.attempt(full), time.Now()
	a.notBefore, a.policy, a.renew = time.Time{}, false, false
	if kind == path.Direct {
		a.upgrades, a.upgradeAt = 0, time.Time{}
		return
	}
	a.upgrades = max(a.upgrades, 1)
	a.upgradeAt = later(a.upgradeAt, now.Add(upgradePause(0)))
}

// prune bounds what is remembered.
func (l *links) prune(now time.Time) {
	if len(l.tries) < maxAttempts {
		return
	}
	for j, a := range l.tries {
		if !a.retry.isSet() && !a.look.isSet() && (now.After(a.notBefore) || len(l.tries) >= 2*maxAttempts) {
			delete(l.tries, j)
		}
	}
}

// forgetDevice forgets the failures of a device that is gone: when it comes back it
// may be on another network.
func (k *core) forgetDevice(full jid.JID) {
	if a := k.links.tries[full]; a != nil && !k.links.busy(full) {
		k.timers.stop(&a.retry)
		k.timers.stop(&a.look)
		if time.Until(a.notBefore) < introMost {
			delete(k.links.tries, full)
		}
	}
}

// endReason says in words how a link's stream ended.
func endReason(err error) string {
	if errors.Is(err, io.EOF) {
		return "closed by the other side"
	}
	return err.Error()
}
