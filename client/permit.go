package client

import (
	"maps"
	"sync"

	"godwit/client/path"
	"godwit/jid"
	"godwit/peer"
	"godwit/stanza"
	"godwit/xep/blocking"
)

// permissions say who may learn what of this device's addresses, for the
// introducer's goroutine to ask. The owner goroutine writes them.
type permissions struct {
	mu      sync.RWMutex
	people  map[jid.JID]peer.Decision // by bare address; nobody else may anything
	blocked map[jid.JID]struct{}      // whom the user has blocked
	around  map[jid.JID]bool          // devices with which a relay works: another one is of no use
}

func (p *permissions) init() {
	p.people, p.around = map[jid.JID]peer.Decision{}, map[jid.JID]bool{}
}

func (p *permissions) set(bare jid.JID, d peer.Decision) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if d.Talk {
		p.people[bare] = d
	} else {
		delete(p.people, bare)
	}
}

// setBlocked replaces whom the user has blocked. Nobody changes the set any more.
func (p *permissions) setBlocked(who map[jid.JID]struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.blocked = who
}

// setAround replaces the devices with which a relay works.
func (p *permissions) setAround(devices map[jid.JID]bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !maps.Equal(p.around, devices) {
		p.around = devices
	}
}

// decide tells what one device may learn.
func (p *permissions) decide(full jid.JID) peer.Decision {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if len(p.blocked) > 0 && blocking.Matches(full, func(j jid.JID) bool { _, ok := p.blocked[j]; return ok }) {
		return peer.Decision{}
	}
	d := p.people[full.Bare()]
	if p.around[full] && d.Addresses.Reflexive {
		d.Addresses.Relay = false
	}
	return d
}

// permission decides what somebody may learn of this device's addresses: never
// anything whose subscription the user did not accept. relays: there is a server that
// can stand in for addresses nobody may learn.
func permission(share Share, route path.Route, mutual, talking, relays bool) peer.Decision {
	switch {
	case !mutual || route == path.OnlyServer:
	case share == ShareContacts, share == ShareChats && talking:
		return peer.Decision{Talk: true, Addresses: peer.AllAddresses}
	case share == ShareNever && talking && relays && route != path.OnlyDirect:
		return peer.Decision{Talk: true, Addresses: peer.RelayOnly}
	}
	return peer.Decision{}
}

// permit brings a contact's permission up to date.
func (k *core) permit(bare jid.JID) {
	_, talking := k.links.chats[bare]
	k.permissions.set(bare, permission(k.choices.share, k.choices.routeOf(bare), k.roster.mutual(bare), talking, k.relays))
}

// permitAll brings all up to date, and closes links that are no longer permitted,
// or tell more than is.
func (k *core) permitAll() {
	k.permissions.mu.Lock()
	clear(k.permissions.people)
	k.permissions.mu.Unlock()
	for bare := range k.roster.contacts {
		k.permit(bare)
	}
	for _, l := range k.links.open {
		if !within(l.addresses, k.permissions.decide(l.device)) {
			k.closeLink(l, "no longer wanted")
		}
	}
	for key, s := range k.links.sessions {
		if !s.opened && !within(s.addresses, k.permissions.decide(key.Peer)) {
			_ = k.introduce.Disconnect(key.Peer)
		}
	}
}

// within reports whether a peer who could learn these addresses may.
func within(a peer.Addresses, d peer.Decision) bool {
	return d.Talk && (d.Addresses.Host || !a.Host) && (d.Addresses.Reflexive || !a.Reflexive)
}

// reviewAround tells the introducer's policy with which devices a relay works.
func (k *core) reviewAround() {
	if !k.links.dirty {
		return
	}
	k.links.dirty = false
	around := map[jid.JID]bool{}
	for _, l := range k.links.open {
		if a := k.links.tries[l.device]; k.links.relayed(l.device) && k.works(l.device) && (a == nil || !a.renew) {
			around[l.device] = true
		}
	}
	k.permissions.setAround(around)
}

func (k *core) newIntroducer() *peer.Introducer {
	return peer.New(peer.Config{
		Transports: k.cfg.Transports,
		Logger:     k.log,
		Timeouts:   peer.Timeouts{Offer: k.cfg.Times.Introduction, Connect: k.cfg.Times.Introduction},
		Policy:     func(full jid.JID) peer.Decision { return k.permissions.decide(full) },
		Send: func(s *stanza.Stanza) error {
			if !k.box.put(func() { k.send(s) }) {
				return ErrClosed
			}
			return nil
		},
		Report: func(r peer.Report) {
			if !k.box.put(func() { k.introduced(r) }) && r.Link != nil && r.State == peer.Up {
				r.Link.Abort()
			}
		},
	})
}
