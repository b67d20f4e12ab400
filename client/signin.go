package client

import (
	"time"

	"godwit/stanza"
	"godwit/stream"
	"godwit/xep/archive"
	"godwit/xep/carbons"
	"godwit/xep/deposit"
	"godwit/xep/disco"
	"godwit/xep/pubsub"
	"godwit/xep/stanzaid"
)

// features are what the account's own server can do, learned after each sign-in.
type features struct {
	known     bool // the account was asked and has answered, or could not
	archive   bool // XEP-0313
	stanzaIDs bool // the server gives stanza-ids and strips forged ones (XEP-0359 §5)
	deposit   bool
	pep       bool // publishing with options (XEP-0163)
	carbons   bool // copies are on
	versions  bool // of the roster
	approval  bool // RFC 6121 §3.4
}

// signedIn begins a session, or goes on with the one from before.
func (k *core) signedIn(s *stream.ClientSession) {
	c := &k.conn
	p := c.stream.Peer()
	l := c.stream.Link()
	k.log.Info("signed in", "jid", s.JID.String(), "resumed", s.Resumed, "mechanism", string(p.Mechanism))
	k.emit(Online{JID: s.JID, Local: l.LocalAddr(), Remote: l.RemoteAddr(), Kind: l.Kind(), TLS: p.TLS,
		Mechanism: p.Mechanism, Resumed: s.Resumed})
	k.lastFull = s.JID
	k.onAddress(s.JID)
	if k.introduce != nil {
		k.introduce.SetSelf(s.JID)
	}
	if s.Resumed {
		k.paths.ServerUp(time.Now(), true, k.apply)
		if !k.catch.present {
			k.sendOwnPresence()
		}
		k.deposits.wake(k)
		k.tellReadings()
		k.introduceAll()
		return
	}
	k.freshSession(s)
}

// freshSession begins with nothing: what the session before knew may be outdated.
func (k *core) freshSession(s *stream.ClientSession) {
	k.session++
	k.catch.reset(k)
	k.dropRequests()
	k.outgoing.forgetTags()
	k.deposits.forget()
	k.people.doubt()
	k.forgetIntroductions()
	k.readings.busy, k.readings.conf = false, false
	k.features = features{
		carbons:  s.Carbons,
		versions: hasFeature(s, "urn:xmpp:features:rosterver", "ver"),
		approval: hasFeature(s, "urn:xmpp:features:pre-approval", "sub"),
	}
	k.paths.ServerUp(time.Now(), false, k.apply)
	k.repeatReceipts(s.Unresumed)
	k.request(k.self, stanza.Get, disco.Info{}.Encode, k.inSession(k.accountKnown))
	k.requestRoster()
	k.askBlocks()
	if !s.Carbons {
		k.request(k.self, stanza.Set, carbons.Enable.Encode, k.inSession(func(_ *stanza.Stanza, err error) {
			k.features.carbons = err == nil
		}))
	}
	if k.introduce != nil {
		k.askServices()
	}
}

func hasFeature(s *stream.ClientSession, space, local string) bool {
	_, ok := s.Features.Child(space, local)
	return ok
}

// accountKnown takes what the own account can do (XEP-0030), which decides what of
// the server's words about messages can be believed, and goes on with the archive.
func (k *core) accountKnown(s *stanza.Stanza, err error) {
	k.features.known = true
	if err == nil {
		n, _ := s.Child(disco.InfoNS, "query")
		info, bad := disco.ParseInfo(n)
		if bad == nil {
			k.features.archive = info.Has(archive.NS)
			k.features.stanzaIDs = k.features.archive || info.Has(stanzaid.NS) // XEP-0313 §5.1 asks for them
			k.features.deposit = info.Has(deposit.NS)
			k.features.pep = info.Is("pubsub", "pep") && info.Has(pubsub.NS+"#publish-options")
		}
	} else {
		k.log.Info("the server does not tell what the account can do", "error", err)
	}
	k.deposits.wake(k)
	k.startCatchUp()
	k.tellReadings()
}

// relaysKnown notes whether there is a relay. Without one, a user who shares
// addresses with nobody can build no links, and does not say otherwise.
func (k *core) relaysKnown(there bool) {
	if k.relays == there {
		return
	}
	before := k.announces()
	k.relays = there
	k.permitAll()
	if k.announces() != before && k.catch.present {
		k.sendOwnPresence()
	}
}
