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

// whyWords are the codes as sentences, and what helps.
var whyWords = map[Why][2]string{
	WhyDirect:       {"The two devices talk directly."},
	WhyConnecting:   {"A direct link is being built."},
	WhyTrying:       {"A direct path has not come up yet and is tried again."},
	WhyRelayOnly:    {"You share your address with nobody, so everything goes through the relay.", "share addresses with those you talk to (--share-address chats)"},
	WhyNoRelay:      {"You share your address with nobody, and your server has no relay.", "share addresses with those you talk to (--share-address chats), or ask whoever runs the server for a relay"},
	WhyServerRoute:  {"You chose the server for this chat.", "choose the route auto"},
	WhyNoTransport:  {"This program can build no direct links."},
	WhyOffline:      {"There is no connection to the server, which introduces the two devices."},
	WhyNotMutual:    {"The two of you do not see each other's presence.", "become contacts, in both directions"},
	WhyAway:         {"No device of your contact is online."},
	WhyTheirClient:  {"Your contact's program has no direct links, or is set to build none.", "your contact: use a program with direct links, or share addresses with contacts"},
	WhyNotTalking:   {"You share your address with those you talk to, and nobody has written yet.", "write something"},
	WhyNotWriting:   {"A link is built when you write, and closed when nobody does for a while.", "write something"},
	WhyRefused:      {"The server's rules allow no direct link to this contact."},
	WhyTooManyLinks: {"There are as many direct links as this program keeps."},
	WhyFailed:       {"The last attempt to build a direct link failed."},
}

// Help is something that would make a chat go a better way.
type Help struct {
	Who   string // "self", "peer", or "both" when it takes both
	What  string // stable code: of package outlook, or "settings"
	Words string
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
func explain(p plight) (Why, string, []Help) {
	say := func(w Why) (Why, string, []Help) {
		words := whyWords[w]
		if words[1] == "" {
			return w, words[0], nil
		}
		who := "self"
		if w == WhyTheirClient {
			who = "peer"
		}
		return w, words[0], []Help{{Who: who, What: "settings", Words: words[1]}}
	}
	switch {
	case p.link == path.Direct:
		if v := outlook.Between(p.own, p.other); v.Way == outlook.Direct && v.Sure {
			return WhyDirect, whyWords[WhyDirect][0] + " " + v.Reason.Text(outlook.English), nil
		}
		return say(WhyDirect)
	case p.link == path.Relay && p.share == ShareNever:
		return say(WhyRelayOnly)
	case p.link == path.Relay:
		return p.networks(WhyTrying)
	case !p.transports:
		return say(WhyNoTransport)
	case p.route == path.OnlyServer:
		return say(WhyServerRoute)
	case p.share == ShareNever && !p.relays:
		return say(WhyNoRelay)
	case !p.mutual:
		return say(WhyNotMutual)
	case !p.online:
		return say(WhyOffline)
	case !p.there:
		return say(WhyAway)
	case !p.able:
		return say(WhyTheirClient)
	case p.building:
		return say(WhyConnecting)
	case p.refused:
		return say(WhyRefused)
	case !p.talking && p.share != ShareContacts:
		return say(WhyNotTalking)
	case p.failed:
		return p.networks(WhyFailed)
	case !p.wrote:
		return say(WhyNotWriting)
	case !p.room:
		return say(WhyTooManyLinks)
	}
	return say(WhyTrying)
}

// networks says what of it the two networks explain; otherwise is said when they
// should allow more than there is, or too little is known.
func (p *plight) networks(otherwise Why) (Why, string, []Help) {
	var lacks []outlook.Lack
	if !p.relays {
		lacks = append(lacks, outlook.NoRelay)
	}
	v := outlook.Between(p.own, p.other, lacks...)
	var help []Help
	for _, h := range v.Help {
		help = append(help, Help{Who: string(h.Who), What: string(h.What), Words: h.Text(outlook.English)})
	}
	if v.Way == outlook.Direct || v.Way == outlook.Unclear {
		return otherwise, whyWords[otherwise][0], help
	}
	return Why(v.Reason), v.Reason.Text(outlook.English), help
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
		if k.choices.routeOf(j) == path.OnlyDirect {
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
	i.Why, i.Words, i.Help = explain(p)
	return i
}
