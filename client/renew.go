package client

import (
	"time"

	"godwit/client/path"
	"godwit/jid"
	"godwit/peer"
)

// renewal is all that the decision depends on to build another link with a device
// there is one with: instead of one that does not answer, or around a relay.
type renewal struct {
	online    bool // the server can pass the offer on
	mutual    bool
	route     path.Route // of the chat
	building  bool       // an introduction with the device is under way
	room      bool       // for one more link
	sick      bool       // no link with the device is trusted, or the network changed
	relayed   bool       // the links with the device go through a relay
	addresses bool       // the user's settings let the device learn addresses
	wrote     time.Time  // when the user last wrote; zero: never in this run
	notBefore time.Time  // because of earlier failures
	upgradeAt time.Time  // when a way around the relay is due to be tried
}

// renewing decides whether to begin one now. If it is only too early, wait says when
// to look again.
func renewing(r renewal, now time.Time, window time.Duration) (begin bool, wait time.Time) {
	due := time.Time{}
	switch {
	case !r.online, !r.mutual, r.route == path.OnlyServer, r.building, !r.room:
		return false, time.Time{}
	case r.sick:
		due = r.notBefore
	case r.relayed && r.addresses && !r.wrote.IsZero() && now.Sub(r.wrote) < window:
		due = r.upgradeAt
	default:
		return false, time.Time{}
	}
	if now.Before(due) {
		return false, due
	}
	return true, time.Time{}
}

// upgradePause is how long to wait before attempt number tries (from 0 on) to get
// around a relay that works. What kept a direct path from coming up is often gone in
// seconds, sometimes in hours.
func upgradePause(tries int) time.Duration {
	pauses := [...]time.Duration{2 * time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute}
	return pauses[min(tries, len(pauses)-1)]
}

// renewPause is the shortest time between two introductions with one device that a
// changed network causes.
const renewPause = 2 * time.Second

// considerRenewal begins another introduction with a device there is a link with, if
// it is time for it.
func (k *core) considerRenewal(full jid.JID) {
	d, a := k.people.find(full), k.links.tries[full]
	if k.introduce == nil || k.leaving || a == nil || d == nil || d.doubtful || !k.canLink(d) || !k.links.linked(full) {
		return
	}
	bare, now := full.Bare(), time.Now()
	r := renewal{online: k.online(), mutual: k.roster.mutual(bare), route: k.choices.routeOf(bare), building: k.links.building(full),
		room: k.links.busyCount() < k.cfg.Limits.Introduced+len(k.links.open), sick: !k.works(full), relayed: k.links.relayed(full),
		addresses: k.permissions.decide(full).Addresses.Reflexive, notBefore: a.notBefore, upgradeAt: a.upgradeAt}
	if c := k.links.chats[bare]; c != nil {
		r.wrote = c.sent
	}
	if a.renew {
		r.sick, r.notBefore = true, later(r.notBefore, a.renewedAt.Add(renewPause))
	}
	vain, ready := k.links.vain(full)
	if r.sick && len(vain) > 0 {
		if now.Before(ready) {
			k.timers.set(&a.look, ready, func() { k.considerRenewal(full) })
			return
		}
		r.building = false
	}
	begin, wait := renewing(r, now, k.cfg.Times.IdleLink)
	switch {
	case begin:
		if r.sick {
			k.cancel(vain)
		}
		if a.renew {
			a.renewedAt = now
		}
		k.reviewAround()
		k.begin(d, k.introduce.Replace)
	case !wait.IsZero():
		k.timers.set(&a.look, wait, func() { k.considerRenewal(full) })
	}
}

// repair begins an introduction beside a link that is no longer trusted.
func (k *core) repair(id path.LinkID, full jid.JID) {
	if l := k.links.open[id]; l != nil && l.good() {
		l.missed = true
		k.links.attempt(full).missed(time.Now())
	}
	k.later(func() { k.considerRenewal(full) })
}

// renewLinks begins an introduction beside every link, because the network changed:
// the old ones go on until the new ones carry.
func (k *core) renewLinks(now time.Time) {
	for _, l := range k.links.open {
		a := k.links.attempt(l.device)
		a.forgive(now)
		a.renew = true
	}
	for _, a := range k.links.tries {
		a.forgive(now)
	}
	k.links.dirty = true
	for bare := range k.links.chats {
		if _, ok := k.paths.Chat(bare); ok {
			k.paths.Do(now, bare, func(c *path.Chat) []path.Effect { return c.Suspect(now) }, k.apply)
		}
	}
	k.introduceAll()
}

// works reports whether a link with a device answers in time, or is too new to know.
func (k *core) works(full jid.JID) bool {
	c, ok := k.paths.Chat(full.Bare())
	if !ok {
		return false
	}
	for _, l := range k.links.open {
		if l.device == full && !c.Lapsed(l.id) {
			return true
		}
	}
	return false
}

// aroundAge is how old an introduction around a relay has to be to be given up when the
// relay fails: a younger one may be the other side's answer to that failure.
const aroundAge = 1500 * time.Millisecond

// vain are the introductions with a device that are under way if all of them are
// attempts to get around a relay: they use none, so they are of no use when it fails.
// ready is when they are old enough to be given up.
func (l *links) vain(full jid.JID) (keys []peer.Key, ready time.Time) {
	for key, s := range l.sessions {
		switch {
		case key.Peer != full || s.opened:
		case !s.around:
			return nil, time.Time{}
		default:
			keys, ready = append(keys, key), later(ready, s.since.Add(aroundAge))
		}
	}
	return keys, ready
}

// cancel gives up introductions around a relay that has failed.
func (k *core) cancel(vain []peer.Key) {
	for _, key := range vain {
		k.log.Info("the relay is gone; no longer trying to get around it", "peer", key.Peer.String())
		delete(k.links.sessions, key)
		_ = k.introduce.Cancel(key)
	}
}

// linked reports whether there is a link with a device.
func (l *links) linked(full jid.JID) bool {
	for _, o := range l.open {
		if o.device == full {
			return true
		}
	}
	return false
}

// relayed reports whether all links with a device go through a relay.
func (l *links) relayed(full jid.JID) bool {
	there := false
	for _, o := range l.open {
		if o.device != full {
			continue
		}
		if o.kind != path.Relay {
			return false
		}
		there = true
	}
	return there
}
