package client

import (
	"context"
	"errors"
	"time"

	"godwit/client/outbox"
	"godwit/client/path"
	"godwit/jid"
	"godwit/stanza"
	"godwit/stream"
	"godwit/xep/ping"
)

// outgoing knows what the server's acknowledgements are about.
type outgoing struct {
	tags map[uint64]tagged // what was handed to the server's stream in this session
	last uint64
	// progress at the server of messages that are not settled, by id
	progress map[string]serverProgress
}

// serverProgress is what the server knows of a message.
type serverProgress uint8

const (
	notHanded serverProgress = iota
	handed                   // given to its stream
	atServer                 // acknowledged
)

// tagged is a message handed to the server: one of a chat, or a copy for the
// archive.
type tagged struct {
	chat jid.JID
	id   string
	copy bool
}

func (o *outgoing) init() {
	o.tags = map[uint64]tagged{}
	o.progress = map[string]serverProgress{}
}

// tag numbers what t stands for.
func (o *outgoing) tag(t tagged) uint64 {
	o.last++
	o.tags[o.last] = t
	return o.last
}

// note raises what is known of a message that is not settled.
func (o *outgoing) note(id string, p serverProgress) {
	if was, ok := o.progress[id]; ok && p > was {
		o.progress[id] = p
	}
}

// forgetTags forgets a session that was not resumed: package path hands over again.
func (o *outgoing) forgetTags() { clear(o.tags) }

// maxBody bounds the text of one message, in bytes, so that with its markup it
// stays well below what servers take.
const maxBody = 128 << 10

// restore takes what an earlier run left in the outbox.
func (k *core) restore(queued []outbox.Queued) {
	now := time.Now()
	for _, q := range queued {
		k.outgoing.progress[q.OriginID] = notHanded
		if q.Sent {
			k.outgoing.progress[q.OriginID] = atServer
		}
		k.paths.Do(now, q.Chat, func(c *path.Chat) []path.Effect {
			return c.Restore(now, q.OriginID, path.Route(q.Route), q.Sent)
		}, k.apply)
	}
}

// initial is what a new chat starts with.
func (k *core) initial(peer jid.JID) path.Initial {
	return path.Initial{Route: k.choices.routeOf(peer), NoReceipts: !k.expectsReceipts(peer)}
}

// expectsReceipts reports whether somebody's clients confirm messages: unless those
// online are known not to.
func (k *core) expectsReceipts(peer jid.JID) bool {
	if peer == k.self {
		return false
	}
	devices := k.people.devices(peer)
	for _, d := range devices {
		if d.software == nil || d.software.has(nsReceipts) {
			return true
		}
	}
	return len(devices) == 0
}

// reviewReceipts tells a chat when that has changed.
func (k *core) reviewReceipts(peer jid.JID) {
	if _, ok := k.paths.Chat(peer); !ok {
		return
	}
	now, on := time.Now(), k.expectsReceipts(peer)
	k.paths.Do(now, peer, func(c *path.Chat) []path.Effect { return c.SetReceipts(now, on) }, k.apply)
}

// apply carries out one effect of a chat (package path).
func (k *core) apply(peer jid.JID, e path.Effect) {
	switch e.Action {
	case path.Hand:
		k.hand(peer, e)
	case path.Probe:
		k.probe(e.Link)
	case path.Doubt:
		k.later(func() { k.proveServer(k.urgent()) })
	case path.Repair:
		k.links.dirty = true
		k.repair(e.Link, e.Device)
	case path.Drop:
		k.dropLink(e.Link, e.Reason)
	case path.Sent:
		k.outbox.Sent(e.ID, string(e.Via))
		k.emit(Sent{ID: e.ID, To: peer, Path: e.Via})
	case path.Delivered:
		k.delivered(peer, e)
	case path.Failed:
		k.outbox.Failed(e.ID, e.Reason)
		k.emit(Failed{ID: e.ID, To: peer, Reason: e.Reason, Code: k.refusal})
	case path.Settled:
		delete(k.outgoing.progress, e.ID)
		k.outbox.Settled(e.ID)
	case path.Changed:
		k.links.dirty = true
		k.log.Debug("path changed", "chat", peer.String(), "mode", e.Mode.String(), "reason", e.Reason)
		k.emit(RouteChanged{Chat: peer, Mode: e.Mode, Path: e.Via, Device: e.Device, Reason: e.Reason})
	}
}

// hand gives a message to a path.
func (k *core) hand(peer jid.JID, e path.Effect) {
	st, err := k.stored(e.ID)
	if err != nil {
		k.log.Error("a message could not be read from the outbox", "id", e.ID, "error", err)
		if !errors.Is(err, context.Canceled) {
			k.later(func() { k.unreadable(peer, e.ID, err) })
		}
		return
	}
	if e.Link != 0 {
		if l := k.links.open[e.Link]; l != nil {
			k.sendDirect(l, st, e.Tag)
		}
		return
	}
	if k.conn.stream == nil {
		return // handed over again when it is back
	}
	k.outgoing.note(e.ID, handed)
	t := tagged{chat: peer, id: e.ID}
	if k.conn.stream.Managed() {
		_ = k.sendTagged(st, k.outgoing.tag(t))
		k.conn.wantAck = true
		return
	}
	if k.send(st) {
		// Without acknowledgements (XEP-0198) an answered ping says that what went before has arrived.
		k.request(k.server(), stanza.Get, ping.Ping{}.Encode, func(_ *stanza.Stanza, err error) {
			if !errors.Is(err, ErrOffline) && !errors.Is(err, ErrTimeout) {
				k.serverHas(t)
			}
		})
	}
}

// unreadable gives up a message whose bytes are gone.
func (k *core) unreadable(peer jid.JID, id string, err error) {
	now := time.Now()
	k.paths.Do(now, peer, func(c *path.Chat) []path.Effect { return c.Refuse(now, id, err.Error()) }, k.apply)
}

// stored reads a message from the outbox.
func (k *core) stored(id string) (*stanza.Stanza, error) {
	b, err := k.outbox.Stanza(k.ctx, id)
	if err != nil {
		return nil, err
	}
	return parseStanza(b)
}

// acked takes an acknowledgement of the server (XEP-0198 §4).
func (k *core) acked(epoch uint64, sent []stream.Sent) {
	if epoch != k.conn.epoch {
		return
	}
	k.serverAnswered(time.Now())
	for _, s := range sent {
		t, ok := k.outgoing.tags[s.Tag]
		if s.Tag == 0 || !ok {
			continue
		}
		delete(k.outgoing.tags, s.Tag)
		k.serverHas(t)
	}
}

// serverHas notes that the server has taken responsibility for a message.
func (k *core) serverHas(t tagged) {
	if t.copy {
		k.deposits.copied(k, t.id)
		return
	}
	k.outgoing.note(t.id, atServer)
	now := time.Now()
	k.paths.Do(now, t.chat, func(c *path.Chat) []path.Effect { return c.ServerAcked(now, t.id) }, k.apply)
}

// delivered notes that the peer's client has a message. One that went directly, and
// which the server is not known to have, is put among the deposits first.
func (k *core) delivered(peer jid.JID, e path.Effect) {
	if e.Via != path.Server {
		k.depositSent(e)
	}
	k.outbox.Delivered(e.ID, string(e.Via))
	k.emit(Delivered{ID: e.ID, To: peer, Path: e.Via})
}
