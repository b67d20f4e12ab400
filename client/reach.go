package client

import (
	"time"

	"godwit/jid"
	"godwit/xep/reach"
)

// Reach is what a device knows of its network; see package reach.
type Reach = reach.Reach

// ownReach is what this client knows of its network, and when contacts are told.
type ownReach struct {
	now   reach.Reach // as SetReach said last
	told  reach.Reach // as contacts were told last, in the session there is
	tell  alarm
	last  time.Time     // when a change was last told
	pause time.Duration // from there to the next
}

// How often contacts hear of a changed network. A network that comes up says
// several things within a second, which are told as one; one that changes all the
// time is told ever less often.
const (
	reachSettle = time.Second
	reachPause  = 5 * time.Second
	reachMost   = time.Minute
)

// SetReach tells what is known of the network this device is on (package nat finds
// it out). It is told to contacts who see the user's presence, without the addresses
// unless the user shares them with all contacts (ShareContacts); changes within a
// few seconds are told as one. It does not wait and may be called at any time.
func (c *Client) SetReach(r reach.Reach) { c.box.put(func() { c.core.setReach(r) }) }

func (k *core) setReach(r reach.Reach) {
	if r.Client == "" {
		r.Client = k.cfg.Software.Name + " " + k.cfg.Software.Version
	}
	if r.Equal(k.reach.now) {
		return
	}
	k.reach.now = r
	k.tellReach(time.Now())
}

// tellReach sends presence again if contacts would learn something, now or as soon
// as it may.
func (k *core) tellReach(now time.Time) {
	o := &k.reach
	if !k.catch.present || !k.announces() || o.tell.isSet() || k.presentable().Equal(o.told) {
		return // sendOwnPresence tells it when there is presence to tell
	}
	k.timers.set(&o.tell, later(now.Add(reachSettle), o.last.Add(o.pause)), func() {
		if k.presentable().Equal(o.told) {
			return // it is again as contacts know it
		}
		now := time.Now()
		o.pause, o.last = reachAfter(o.pause, now.Sub(o.last)), now
		k.sendOwnPresence()
	})
}

// reachAfter is the pause after a change has been told, when the pause before was
// this long and the change before that so long ago.
func reachAfter(pause, since time.Duration) time.Duration {
	if pause == 0 || since > 2*pause+reachPause {
		return reachPause
	}
	return min(2*pause, reachMost)
}

// presentable is what of the own reach everybody may know who sees the user's
// presence. Addresses are only for those who share them with all contacts; to
// others they are told in an introduction, one contact at a time.
func (k *core) presentable() reach.Reach {
	return told(k.reach.now, k.choices.share)
}

func told(r reach.Reach, s Share) reach.Reach {
	if s == ShareContacts {
		return r
	}
	return r.WithoutAddresses()
}

// announces reports whether this client tells others that it can build direct links.
func (k *core) announces() bool {
	return k.introduce != nil && (k.choices.share != ShareNever || k.relays)
}

// reachChanged takes it that a device of a contact is on another network: what
// failed before may work now.
func (k *core) reachChanged(full jid.JID) {
	a, now := k.links.tries[full], time.Now()
	if a == nil || now.Sub(a.forgiven) < forgiveness {
		return
	}
	a.forgive(now)
	k.reviewLinks(full)
}
