package client

import (
	"time"

	"godwit/jid"
	"godwit/stanza"
	"godwit/xep/blocking"
	"godwit/xep/caps"
	"godwit/xep/correction"
	"godwit/xep/disco"
	"godwit/xep/displayed"
	"godwit/xep/entitytime"
	"godwit/xep/jingle"
	"godwit/xep/last"
	"godwit/xep/markers"
	"godwit/xep/ping"
	"godwit/xep/pubsub"
	"godwit/xep/reach"
	"godwit/xep/reply"
	"godwit/xep/retraction"
	rosterxep "godwit/xep/roster"
	"godwit/xep/version"
	"godwit/xmlstream"
)

// handleIQ takes an IQ from the server's stream. Every request is answered (RFC
// 6120 §8.2.3).
func (k *core) handleIQ(s *stanza.Stanza) {
	if k.introduce != nil && k.introduce.HandleIQ(s) {
		return
	}
	switch s.Type {
	case stanza.Result, stanza.ErrorType:
		k.answered(s)
		return
	}
	payload, bad := k.answer(s)
	if bad != nil {
		k.send(s.ErrorReply(bad))
		return
	}
	k.send(s.Result(payload))
}

// answer decides what a request is answered with.
func (k *core) answer(s *stanza.Stanza) (func(*xmlstream.Encoder), *stanza.Error) {
	n, _ := s.PayloadNode()
	key := n.Name
	if s.Type == stanza.Set {
		if key == (xmlstream.Name{Space: rosterxep.NS, Local: "query"}) {
			return nil, k.rosterPush(s.From, n)
		}
		if key == (xmlstream.Name{Space: blocking.NS, Local: "block"}) || key == (xmlstream.Name{Space: blocking.NS, Local: "unblock"}) {
			return nil, k.blocksPushed(s.From, n)
		}
		return nil, stanza.ErrServiceUnavailable()
	}
	if key == (xmlstream.Name{Space: ping.NS, Local: "ping"}) {
		return nil, nil // the server answers for those who may not know that the user is there
	}
	if !k.mayKnow(s.From) {
		return nil, stanza.ErrServiceUnavailable()
	}
	switch key {
	case xmlstream.Name{Space: disco.InfoNS, Local: "query"}:
		return k.answerInfo(n)
	case xmlstream.Name{Space: disco.ItemsNS, Local: "query"}:
		return disco.Items{Node: n.Attr("node")}.Encode, nil
	case xmlstream.Name{Space: version.NS, Local: "query"}:
		sw := &k.cfg.Software
		return version.Version{Name: sw.Name, Version: sw.Version, OS: sw.OS}.Encode, nil
	case xmlstream.Name{Space: entitytime.NS, Local: "time"}:
		now := time.Now()
		_, offset := now.Zone()
		return entitytime.Time{UTC: now.UTC(), Offset: time.Duration(offset) * time.Second}.Encode, nil
	case xmlstream.Name{Space: last.NS, Local: "query"}:
		if k.cfg.NoLastActivity {
			return nil, stanza.ErrForbidden()
		}
		idle := time.Since(k.activity).Truncate(time.Second)
		return last.Activity{Known: true, Ago: max(0, idle)}.Encode, nil
	}
	return nil, stanza.ErrServiceUnavailable()
}

// mayKnow reports whether somebody sees the user's presence anyway: the own
// account and server, and contacts with a subscription (XEP-0030 §7, XEP-0012 §4).
func (k *core) mayKnow(from jid.JID) bool {
	if from.IsZero() || from.Bare() == k.self || from == k.server() {
		return true
	}
	return k.roster.sees(from.Bare())
}

// answerInfo tells what this client can do, under the node of its capabilities or
// none (XEP-0115 §6.2).
func (k *core) answerInfo(n xmlstream.Node) (func(*xmlstream.Encoder), *stanza.Error) {
	q, err := disco.ParseInfo(n)
	if err != nil {
		return nil, stanza.ErrBadRequest()
	}
	info := k.ownInfo()
	if q.Node != "" && q.Node != k.ownCaps(info).Query() {
		return nil, stanza.ErrItemNotFound()
	}
	info.Node = q.Node
	return info.Encode, nil
}

// ownInfo is what this client can do.
func (k *core) ownInfo() disco.Info {
	sw := &k.cfg.Software
	info := disco.Info{
		Identities: []disco.Identity{{Category: "client", Type: sw.Kind, Name: sw.Name + " " + sw.Version}},
		Features: []string{disco.InfoNS, caps.NS, ping.NS, version.NS, entitytime.NS, nsReceipts, nsChatStates, nsStanzaIDs, correction.NS, retraction.NS, reply.NS,
			markers.NS, displayed.NS + pubsub.Notify},
	}
	if !k.cfg.NoLastActivity {
		info.Features = append(info.Features, last.NS)
	}
	if k.announces() {
		info.Features = append(info.Features, k.introduce.Features()...)
		info.Features = append(info.Features, reach.NS)
	}
	return info
}

// ownCaps is the hash of it for presence (XEP-0115 §4).
func (k *core) ownCaps(info disco.Info) caps.Caps {
	ver, err := caps.Compute(info, caps.SHA1)
	if err != nil {
		k.log.Error("the capabilities have no hash", "error", err)
	}
	return caps.Caps{Node: k.cfg.Software.Node, Hash: caps.SHA1, Ver: ver}
}

// Features by their own names.
const (
	nsReceipts   = "urn:xmpp:receipts"
	nsChatStates = "http://jabber.org/protocol/chatstates"
	nsStanzaIDs  = "urn:xmpp:sid:0"
	nsJingle     = jingle.NS
)
