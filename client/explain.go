package client

import (
	"cmp"
	"context"
	"slices"
	"time"

	"godwit/client/path"
	"godwit/jid"
	"godwit/nat/outlook"
	"godwit/xep/reach"
)

// Why says why a chat goes the way it does, as a stable code. Beside those here there
// are the codes of package outlook, where the two networks are the reason.
type Why string

// The codes.
const (
	WhyDirect       Why = "direct"          // it goes directly
	WhyConnecting   Why = "connecting"      // a link is being built
	WhyTrying       Why = "trying"          // a direct path may exist; it is tried again
	WhyRelayOnly    Why = "relay-only"      // the user shares addresses with nobody
	WhyNoRelay      Why = "no-relay"        // the same, and the server has no relay
	WhyServerRoute  Why = "route-server"    // the user chose the server for this chat
	WhyNoTransport  Why = "no-transport"    // this program can build no links
	WhyOffline      Why = "offline"         // no server to introduce the two
	WhyNotMutual    Why = "no-subscription" // the two do not see each other's presence
	WhyAway         Why = "away"            // no device of the contact is online
	WhyTheirClient  Why = "their-client"    // none of them can build links
	WhyNotTalking   Why = "no-conversation" // addresses are for those one talks to
	WhyNotWriting   Why = "idle"            // links are built by who writes
	WhyRefused      Why = "server-refused"  // the server's policy
	WhyTooManyLinks Why = "too-many-links"  // Limits.Introduced
	WhyFailed       Why = "failed"          // the last attempt failed
)

// Settings is the advice of something that the user can do within the program.
// Those of package outlook are about networks.
const Settings outlook.Advice = "settings"

// Explanation says why a chat goes the way it does, and what would help. What it
// says in words, Text and Help.Text say in a language.
type Explanation struct {
	Why Why
	// Because is what of the two networks lets a direct link through; empty when
	// that is not known, and where Why is anything but WhyDirect.
	Because outlook.Reason
	Help    []Help
}

// Help is something that would make a chat go a better way.
type Help struct {
	Who  outlook.Side
	What outlook.Advice // or Settings
	Why  Why            // what it helps against
}

// plight is all that an explanation depends on.
type plight struct {
	transports bool
	share      Share
	relays     bool
	online     bool
	route      path.Route
	mutual     bool
	there      bool // a device of the contact is online
	able       bool // and can build links
	talking    bool // there was a message in this run
	wrote      bool // the user wrote not long ago
	room       bool
	building   bool
	refused    bool      // by the server's policy
	failed     bool      // the last attempt
	link       path.Kind // "" without one
	own, other reach.Reach
}

// explain says why, in the order in which the reasons would have to be removed.
func explain(p plight) Explanation {
	switch {
	case p.link == path.Direct:
		e := because(WhyDirect)
		if v := outlook.Between(p.own, p.other); v.Way == outlook.Direct && v.Sure {
			e.Because = v.Reason
		}
		return e
	case p.link == path.Relay && p.share == ShareNever:
		return because(WhyRelayOnly)
	case p.link == path.Relay:
		return p.networks(WhyTrying)
	case !p.transports:
		return because(WhyNoTransport)
	case p.route == path.OnlyServer:
		return because(WhyServerRoute)
	case p.share == ShareNever && !p.relays:
		return because(WhyNoRelay)
	case !p.mutual:
		return because(WhyNotMutual)
	case !p.online:
		return because(WhyOffline)
	case !p.there:
		return because(WhyAway)
	case !p.able:
		return because(WhyTheirClient)
	case p.building:
		return because(WhyConnecting)
	case p.refused:
		return because(WhyRefused)
	case !p.talking && p.share != ShareContacts:
		return because(WhyNotTalking)
	case p.failed:
		return p.networks(WhyFailed)
	case !p.wrote:
		return because(WhyNotWriting)
	case !p.room:
		return because(WhyTooManyLinks)
	}
	return because(WhyTrying)
}

// because explains by a code of this package.
func because(w Why) Explanation {
	e := Explanation{Why: w}
	if _, ok := settings[w]; ok {
		e.Help = []Help{{Who: outlook.Self, What: Settings, Why: w}}
		if w == WhyTheirClient {
			e.Help[0].Who = outlook.Peer
		}
	}
	return e
}

// networks says what of it the two networks explain; otherwise is said when they
// should allow more than there is, or too little is known.
func (p *plight) networks(otherwise Why) Explanation {
	var lacks []outlook.Lack
	if !p.relays {
		lacks = append(lacks, outlook.NoRelay)
	}
	v := outlook.Between(p.own, p.other, lacks...)
	e := Explanation{Why: Why(v.Reason)}
	if v.Way == outlook.Direct || v.Way == outlook.Unclear {
		e.Why = otherwise
	}
	for _, h := range v.Help {
		e.Help = append(e.Help, Help{Who: h.Who, What: h.What, Why: e.Why})
	}
	return e
}

// Explain tells about the chat with who, or for the zero address about every chat
// there was in this run and every contact that is online, how it goes and why: the
// links there are, as Links does, and one of state LinkNone where there is none.
func (c *Client) Explain(ctx context.Context, who jid.JID) (all []LinkInfo, err error) {
	err = c.call(ctx, func(k *core) error {
		all = k.explainAll(who.Bare())
		return nil
	})
	return all, err
}

// maxExplained bounds what is explained at once.
const maxExplained = 1000

func (k *core) explainAll(who jid.JID) []LinkInfo {
	chats := map[jid.JID]bool{}
	if !who.IsZero() {
		chats[who] = true
	} else {
		for j := range k.links.chats {
			chats[j] = true
		}
		for j := range k.people.people {
			chats[j] = true
		}
	}
	var all []LinkInfo
	for _, l := range k.links.open {
		if who.IsZero() || l.device.Bare() == who {
			all = append(all, k.infoOf(l))
			delete(chats, l.device.Bare())
		}
	}
	for key, s := range k.links.sessions {
		if bare := key.Peer.Bare(); !s.opened && (who.IsZero() || bare == who) {
			all = append(all, k.explained(LinkInfo{Peer: key.Peer, State: LinkConnecting, Since: s.since}, nil))
			delete(chats, bare)
		}
	}
	for j := range chats {
		if len(all) == maxExplained {
			break
		}
		i := LinkInfo{Peer: j, State: LinkNone, Path: path.Server}
		if d := k.bestDevice(j); d != nil {
			i.Peer = d.jid
		}
		if k.choices.routeOf(j) == path.OnlyDirect || !k.online() {
			i.Path = "" // messages wait
		}
		all = append(all, k.explained(i, nil))
	}
	slices.SortFunc(all, func(a, b LinkInfo) int {
		return cmp.Or(cmp.Compare(a.Peer.String(), b.Peer.String()), a.Since.Compare(b.Since))
	})
	return all
}

// explained adds the reasons to what is known of a link, or of the lack of one.
func (k *core) explained(i LinkInfo, l *directLink) LinkInfo {
	bare, now := i.Peer.Bare(), time.Now()
	d, a, c := k.people.find(i.Peer), k.links.tries[i.Peer], k.links.chats[bare]
	p := plight{transports: len(k.cfg.Transports) > 0, share: k.choices.share, relays: k.relays, online: k.online(),
		route: k.choices.routeOf(bare), mutual: k.roster.mutual(bare), there: len(k.people.devices(bare)) > 0,
		able: k.bestDevice(bare) != nil, talking: c != nil, room: k.links.busyCount() < k.cfg.Limits.Introduced,
		building: i.State == LinkConnecting, own: k.reach.now}
	p.wrote = c != nil && !c.sent.IsZero() && now.Sub(c.sent) < k.cfg.Times.IdleLink
	if d != nil {
		p.other = d.reach
	}
	if l != nil {
		p.link, i.Relay, i.RelayProtocol = l.kind, l.path.Relay, l.path.RelayProtocol
		if !l.path.Peer.IsZero() {
			p.other = l.path.Peer // said in the introduction, so to this user and fresher
		}
	}
	if a != nil {
		p.refused, p.failed = a.policy, a.reason != ""
		i.Failure, i.FailedAt = a.reason, a.failedAt
		switch {
		case p.link == path.Relay && a.upgradeAt.After(now):
			i.NextTry = a.upgradeAt
		case l == nil && p.wrote && a.notBefore.After(now):
			i.NextTry = a.notBefore
		}
	}
	i.Own, i.Other = p.own, p.other
	i.Explanation = explain(p)
	return i
}
