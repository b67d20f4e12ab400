package client

import (
	"time"

	"godwit/client/path"
	"godwit/jid"
	"godwit/stanza"
	"godwit/stream"
	"godwit/xep/hints"
	"godwit/xep/receipts"
	"godwit/xmlstream"
)

// recentReceipts are confirmations that may have been lost on their way: with a link
// that broke, or with a server that had taken them and was killed.
type recentReceipts []recentReceipt

type recentReceipt struct {
	stanza *stanza.Stanza
	at     time.Time
}

// Bounds of what is confirmed again.
const (
	recentTime = 30 * time.Second
	maxRecent  = 1024
)

// add remembers a receipt for a while.
func (r *recentReceipts) add(s *stanza.Stanza) {
	now, drop := time.Now(), 0
	for drop < len(*r) && (len(*r)-drop >= maxRecent || now.Sub((*r)[drop].at) > recentTime) {
		drop++
	}
	*r = append((*r)[drop:], recentReceipt{s, now})
}

// take returns those that are still worth sending, and forgets all.
func (r *recentReceipts) take() []*stanza.Stanza {
	var out []*stanza.Stanza
	for _, e := range *r {
		if time.Since(e.at) <= recentTime {
			out = append(out, e.stanza)
		}
	}
	*r = nil
	return out
}

// confirm sends the receipt a message asks for (XEP-0184), by the way it came.
func (k *core) confirm(r *received) {
	if k.cfg.NoReceipts || !k.roster.sees(r.chat) || !r.wantsReceipt() {
		return
	}
	absent := len(k.people.devices(r.chat)) == 0
	reply := stanza.Build(stanza.Message, r.stanza.Type, r.from, jid.JID{}, newID(), func(e *xmlstream.Encoder) {
		receipts.Received{ID: r.stanza.ID}.Encode(e)
		if absent {
			hints.Store.Encode(e)
		}
	})
	if r.source == direct {
		r.link.recent.add(reply)
		k.sendDirect(r.link, reply, 0)
		return
	}
	k.recent.add(reply)
	k.send(reply)
}

// wantsReceipt reports whether a message is to be confirmed. A second copy is
// confirmed like the first, since that answer may have been lost, and so is what
// was missed and comes from the archive. A copy of what another device got is not:
// that device answers.
func (r *received) wantsReceipt() bool {
	return !r.own && r.stanza.ID != "" && r.source != copied && !r.backlog && r.stanza.Has(receipts.NS, "request")
}

// confirmAgain sends, through the server, the receipts that a broken link may have
// lost. The sender has handed those messages to its server by now, which knows them
// from our deposit and will not deliver them a second time.
func (k *core) confirmAgain(l *directLink) {
	for _, s := range l.recent.take() {
		k.recent.add(s)
		k.send(s)
	}
}

// repeatReceipts sends again, in a fresh session, the receipts that the session
// before may have lost. Messages are sent again by package path, deposits by their
// queue, and the rest was about a session that is over.
func (k *core) repeatReceipts(unacked []stream.Sent) {
	again := k.recent.take()
	known := make(map[string]bool, len(again))
	for _, s := range again {
		known[s.ID] = true
	}
	for _, u := range unacked {
		if u.Stanza.Kind == stanza.Message && u.Stanza.Has(receipts.NS, "received") && !known[u.Stanza.ID] {
			again = append(again, u.Stanza)
		}
	}
	for _, s := range again {
		k.send(s)
	}
}

// takeReceipt takes the confirmation that a device of the peer has a message.
func (k *core) takeReceipt(r *received) {
	if r.own || r.stanza.Type == stanza.ErrorType {
		return
	}
	n, ok := r.stanza.Child(receipts.NS, "received")
	if !ok {
		return
	}
	got, err := receipts.ParseReceived(n)
	if err != nil || r.source == direct {
		return // a link's own acknowledgement says it, and says it first
	}
	now := time.Now()
	k.paths.Do(now, r.chat, func(c *path.Chat) []path.Effect { return c.Receipt(now, got.ID, r.from) }, k.apply)
}
