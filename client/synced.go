package client

import (
	"context"
	"errors"

	"godwit/client/cache"
	"godwit/jid"
	"godwit/stanza"
	"godwit/xep/displayed"
	"godwit/xep/pubsub"
	"godwit/xep/rsm"
)

// maxReadPages bounds how many pages of the node are read at a sign-in.
const maxReadPages = 40

// publishReading tells the user's other devices how far a chat was read (XEP-0490 §4.2), and goes on with the next chat when that is done.
func (k *core) publishReading(chat jid.JID, entry string) {
	if entry == "" || !k.features.pep {
		k.later(k.readingTold)
		return
	}
	p := displayed.Publication(chat, displayed.Displayed{By: k.self, ID: entry})
	k.request(k.self, stanza.Set, p.Encode, func(_ *stanza.Stanza, err error) {
		var bad *stanza.Error
		switch errors.As(err, &bad); {
		case pubsub.Failed(bad, "precondition-not-met") && !k.readings.conf: // made by something that did not know what it is for
			k.readings.conf = true
			c := pubsub.Owner{Action: pubsub.Configure, Node: displayed.NS, Form: displayed.Config(pubsub.NodeConfig)}
			k.request(k.self, stanza.Set, c.Encode, func(*stanza.Stanza, error) { k.publishReading(chat, entry) })
			return
		case errors.Is(err, ErrOffline), errors.Is(err, ErrTimeout):
			if m, lookErr := k.cfg.Cache.MessageByStanzaID(k.ctx, k.self, entry); lookErr == nil { // once more, when there is a connection
				k.oweReading(chat, owedReading{upto: m.Place()}, readAgain)
			}
		case err != nil:
			k.log.Info("what was read was not told to other devices", "error", err)
		}
		k.readingTold()
	})
}

// askReadings reads the node after a sign-in, the newest page first.
func (k *core) askReadings(before string, pages int) {
	if !k.features.pep || pages == 0 {
		return
	}
	q := pubsub.Request{Action: pubsub.Fetch, Node: displayed.NS, Page: rsm.Request{Backward: true, Before: before}}
	k.request(k.self, stanza.Get, q.Encode, k.inSession(func(s *stanza.Stanza, err error) {
		if err != nil {
			if !unsupported(err) {
				k.log.Info("what other devices have read is not known", "error", err)
			}
			return
		}
		n, _ := s.Child(pubsub.NS, "pubsub")
		got, err := pubsub.Parse(n)
		if err != nil {
			k.log.Warn("what other devices have read is unreadable", "error", err)
			return
		}
		for _, item := range got.Items {
			k.readElsewhere(item)
		}
		if first := got.Range.First; first != "" && first != before && len(got.Items) > 0 {
			k.askReadings(first, pages-1)
		}
	}))
}

// handleNotice takes a notice of a node. Only the own account's are of interest, and believed: somebody else's nodes say nothing about this
// account.
func (k *core) handleNotice(s *stanza.Stanza) {
	if !s.From.IsZero() && s.From != k.self || s.Type == stanza.ErrorType {
		return
	}
	n, _ := s.Child(pubsub.EventNS, "event")
	ev, err := pubsub.ParseEvent(n)
	if err != nil || ev.Node != displayed.NS || ev.Action != pubsub.Publish {
		return
	}
	for _, item := range ev.Items {
		k.readElsewhere(item)
	}
}

// readElsewhere takes how far a chat was read on another device. What names no chat or no message of it is ignored (XEP-0490 §5.1).
func (k *core) readElsewhere(item pubsub.Item) {
	chat, err := jid.Parse(item.ID)
	if err != nil || chat.IsFull() {
		return
	}
	d, err := displayed.Parse(item.Payload)
	if err != nil || d.By != k.self {
		return
	}
	k.commit(cache.Batch{}, func(cache.Result, error) { k.findElsewhere(chat, d.ID) }) // behind the messages that were taken before
}

func (k *core) findElsewhere(chat jid.JID, entry string) {
	k.disk.do(func() {
		m, err := k.cfg.Cache.MessageByStanzaID(context.Background(), k.self, entry)
		k.box.put(func() { k.foundElsewhere(chat, entry, &m, err) })
	})
}

func (k *core) foundElsewhere(chat jid.JID, entry string, m *cache.Message, err error) {
	switch {
	case errors.Is(err, cache.ErrNotFound): // it may be on its way
		if _, known := k.readings.early[chat]; known || len(k.readings.early) < maxReading {
			k.readings.early[chat] = entry
		}
	case err != nil:
		k.log.Error("what was read could not be looked up", "chat", chat.String(), "error", err)
	case m.Chat == chat:
		delete(k.readings.early, chat)
		k.markPlace(m, ReadElse, func(err error) {
			if err != nil {
				k.log.Error("what was read could not be noted", "chat", chat.String(), "error", err)
			}
		})
	}
}

// readLate looks again for the message up to which another device has read a chat, after the history has learned what the archive calls one of it.
func (k *core) readLate(chat jid.JID) {
	if id, waits := k.readings.early[chat]; waits {
		k.findElsewhere(chat, id)
	}
}

// readBefore looks whether a message that has just been kept is the one up to which another device has read.
func (k *core) readBefore(m *cache.Message) {
	if m.StanzaID == "" || k.readings.early[m.Chat] != m.StanzaID {
		return
	}
	k.foundElsewhere(m.Chat, m.StanzaID, m, nil)
}
