package client

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"godwit/client/path"
	"godwit/jid"
	"godwit/peer"
	"godwit/stanza"
	"godwit/stream"
	"godwit/xep/xmlstreamapp"
)

// links are the direct links, and the chats they are for.
type links struct {
	open     map[path.LinkID]*directLink
	sessions map[peer.Key]*session
	tries    map[jid.JID]*attempt // by device
	chats    map[jid.JID]*chat    // by bare address
	last     path.LinkID
	dirty    bool // what the introducer's policy knows of them may have to change
}

// directLink is a stream to one device of a contact, without a server between.
type directLink struct {
	id     path.LinkID
	key    peer.Key
	device jid.JID // full
	local  jid.JID // this end, when it was built
	kind   path.Kind
	stream *stream.Stream
	path   peer.Path
	// addresses that the peer could learn when it was built
	addresses peer.Addresses
	since     time.Time
	used      time.Time // when it last carried a message
	heard     time.Time // when the other end last answered
	missed    bool      // it stopped answering after it had been good
	idle      alarm
	reason    string // why it ends, if that is known already
	recent    recentReceipts
}

// session is an introduction, from its beginning until the last link it led to has
// ended.
type session struct {
	since     time.Time
	addresses peer.Addresses // that the peer may learn in it
	linked    bool           // there has been a link
	opened    bool           // and a stream on it
	quiet     bool           // beside a link that works: nothing is told unless it succeeds
	around    bool           // around a relay that works, so that none is used in it
}

// chat is what is known of a conversation in this run.
type chat struct {
	sent   time.Time // when the user last wrote
	active time.Time // when anybody last did
	device jid.JID   // the peer last wrote from
}

func (l *links) init() {
	l.open = map[path.LinkID]*directLink{}
	l.sessions = map[peer.Key]*session{}
	l.tries = map[jid.JID]*attempt{}
	l.chats = map[jid.JID]*chat{}
}

// maxChats bounds what is remembered of conversations.
const maxChats = 4096

// noteChat notes that the user wrote to somebody, or they wrote.
func (k *core) noteChat(bare jid.JID, sent bool) {
	c := k.links.chats[bare]
	if c == nil {
		if len(k.links.chats) >= maxChats {
			k.forgetOldChat()
		}
		c = &chat{}
		k.links.chats[bare] = c
	}
	now := time.Now()
	c.active = now
	if sent {
		c.sent = now
	}
	k.permit(bare)
}

// forgetOldChat forgets one that nobody has written in for long; any will do.
func (k *core) forgetOldChat() {
	var oldest jid.JID
	for j, c := range k.links.chats {
		if o := k.links.chats[oldest]; o == nil || c.active.Before(o.active) {
			oldest = j
		}
	}
	delete(k.links.chats, oldest)
	k.permit(oldest)
}

// canLink reports whether a device can build links of a kind this client has.
func (k *core) canLink(d *device) bool {
	if k.introduce == nil || !d.software.has(xmlstreamapp.NS) || !d.software.has(nsJingle) {
		return false
	}
	return slices.ContainsFunc(k.cfg.Transports, func(t peer.Transport) bool { return d.software.has(t.Namespace()) })
}

// introduced takes what became of an introduction.
func (k *core) introduced(r peer.Report) {
	if k.leaving {
		if r.Link != nil {
			_ = r.Link.Close(nil)
		}
		return
	}
	device := r.Key.Peer
	switch r.State {
	case peer.Connecting:
		s := &session{since: time.Now(), addresses: k.permissions.decide(device).Addresses, quiet: k.works(device)}
		s.around = s.quiet && k.links.relayed(device)
		k.links.sessions[r.Key] = s
		if !s.quiet {
			k.emit(LinkChanged{LinkInfo: LinkInfo{Peer: device, State: LinkConnecting, Since: s.since}})
		}
	case peer.Up: // the first link, or one on a better path
		s := k.links.sessions[r.Key]
		if s == nil {
			r.Link.Abort()
			return
		}
		s.linked = true
		k.openDirect(r)
	case peer.Moved:
		k.linkMoved(r)
	case peer.Down:
		k.introductionEnded(r)
	}
}

// openDirect begins the stream on a new link.
func (k *core) openDirect(r peer.Report) {
	local := k.lastFull
	cfg := stream.DirectConfig{Local: local, Remote: r.Key.Peer, Initiator: r.Role == peer.Initiator}
	ctx, cancel := context.WithTimeout(k.ctx, k.cfg.Times.Introduction)
	k.async(func() {
		defer cancel()
		s, err := stream.Direct(ctx, r.Link, cfg)
		if !k.box.put(func() { k.directOpen(r, local, s, err) }) && s != nil {
			s.Abort()
		}
	})
}

// directOpen takes the outcome.
func (k *core) directOpen(r peer.Report, local jid.JID, s *stream.Stream, err error) {
	x := k.links.sessions[r.Key]
	if err != nil || x == nil || k.leaving {
		if s != nil {
			s.Close(nil)
		}
		if err != nil && x != nil {
			// The end of the link ends the introduction, which tells.
			k.log.Info("no stream on a direct link", "peer", r.Key.Peer.String(), "error", err)
		}
		return
	}
	x.opened = true
	k.links.last++
	l := &directLink{id: k.links.last, key: r.Key, device: r.Key.Peer, local: local, stream: s, path: r.Path, kind: kindOf(r.Path),
		addresses: x.addresses, since: time.Now(), used: time.Now()}
	k.links.open[l.id], k.links.dirty = l, true
	k.links.succeeded(l.device, l.kind)
	k.async(func() { k.readDirect(l) })
	k.log.Info("direct link up", "peer", l.device.String(), "kind", string(l.kind))
	k.emit(LinkChanged{LinkInfo: k.infoOf(l)})
	k.after(&l.idle, k.cfg.Times.IdleLink, func() { k.checkIdle(l) })
	now := time.Now()
	k.paths.Do(now, l.device.Bare(), func(c *path.Chat) []path.Effect {
		return c.LinkUp(now, path.Link{ID: l.id, Device: l.device, Kind: l.kind})
	}, k.apply)
	k.reviewLinks(l.device)
}

func kindOf(p peer.Path) path.Kind {
	if p.Relayed {
		return path.Relay
	}
	return path.Direct
}

// linkMoved takes it that a link travels another way now.
func (k *core) linkMoved(r peer.Report) {
	for _, l := range k.links.open {
		if l.stream.Link() != r.Link {
			continue
		}
		l.path, l.kind, k.links.dirty = r.Path, kindOf(r.Path), true
		k.log.Info("direct link moved", "peer", l.device.String(), "kind", string(l.kind))
		k.emit(LinkChanged{LinkInfo: k.infoOf(l)})
		now := time.Now()
		k.paths.Do(now, l.device.Bare(), func(c *path.Chat) []path.Effect { return c.LinkMoved(now, l.id, l.kind) }, k.apply)
		k.reviewLinks(l.device)
		return
	}
}

// readDirect hands what arrives to the owner until the stream ends.
func (k *core) readDirect(l *directLink) {
	for {
		e, err := l.stream.Read()
		if err != nil {
			k.box.put(func() { k.directClosed(l, err) })
			return
		}
		switch e.Kind {
		case stream.AckedEvent:
			tag := uint64(0)
			for _, s := range e.Acked {
				tag = max(tag, s.Tag)
			}
			k.box.put(func() { k.directAcked(l, tag) })
		case stream.StanzaEvent:
			if !k.gate.enter() {
				return
			}
			if !k.box.put(func() { k.directArrived(l, e) }) {
				k.gate.leave()
			}
		}
	}
}

func (k *core) directAcked(l *directLink, tag uint64) {
	if k.links.open[l.id] == nil {
		return
	}
	now := time.Now()
	l.heard = now
	k.paths.Do(now, l.device.Bare(), func(c *path.Chat) []path.Effect { return c.LinkAcked(now, l.id, tag) }, k.apply)
}

// directArrived takes a stanza from a direct link. The layer below has proven who
// is at the other end; what claims to be from anybody else is dropped.
func (k *core) directArrived(l *directLink, e stream.Event) {
	t := &ticket{gate: k.gate, ack: func() { l.stream.Handled(e.Seq) }}
	s := e.Stanza
	if k.links.open[l.id] == nil || k.blocks.matches(l.device) { // it is being closed, and what it brings is not wanted
		t.release()
		return
	}
	switch {
	case e.Err != nil:
		if reply := s.ErrorReply(e.Err); reply != nil {
			k.sendDirect(l, reply, 0)
		}
		t.done()
	case !s.From.IsZero() && s.From != l.device && s.From != l.device.Bare():
		k.log.Warn("a stanza that claims another sender was dropped", "from", s.From.String(), "link", l.device.String())
		t.done()
	case s.Kind == stanza.IQ:
		if reply := s.ErrorReply(stanza.ErrServiceUnavailable()); reply != nil {
			k.sendDirect(l, reply, 0) // requests are asked through the server
		}
		t.done()
	case s.Kind != stanza.Message || s.Type == stanza.ErrorType:
		t.done()
	default:
		l.used = time.Now()
		r := describeMessage(s.WithFrom(l.device).WithTo(l.local), k.trust(), direct)
		r.link = l
		k.take(r, t)
	}
}

// sendDirect hands a stanza to a link, addressed from one end to the other.
func (k *core) sendDirect(l *directLink, s *stanza.Stanza, tag uint64) {
	if tag != 0 {
		l.used = time.Now()
	}
	if err := l.stream.SendTagged(s.WithFrom(l.local).WithTo(l.device), tag); err != nil {
		l.reason = err.Error() // the reader notices the end
	}
}

// probe asks the other end for an acknowledgement.
func (k *core) probe(id path.LinkID) {
	if l := k.links.open[id]; l != nil {
		l.stream.RequestAck()
	}
}

// dropLink closes a link that package path has given up.
func (k *core) dropLink(id path.LinkID, reason string) {
	l := k.links.open[id]
	if l == nil {
		return
	}
	l.reason = reason
	delete(k.links.open, id) // path has forgotten it
	if reason == "replaced" {
		l.stream.Close(nil)
	} else {
		l.stream.Abort()
	}
	k.linkGone(l)
	if reason != "replaced" {
		k.links.lost(l, time.Now(), reason)
	}
	k.later(func() { k.reviewLinks(l.device) })
}

// directClosed takes the end of a link's stream.
func (k *core) directClosed(l *directLink, err error) {
	if k.links.open[l.id] == nil {
		return
	}
	delete(k.links.open, l.id)
	if l.reason == "" {
		l.reason = endReason(err)
	}
	k.linkGone(l)
	now := time.Now()
	k.paths.Do(now, l.device.Bare(), func(c *path.Chat) []path.Effect { return c.LinkDown(now, l.id) }, k.apply)
	if l.reason != reasonIdle && !errors.Is(err, io.EOF) { // nobody closed it on purpose
		k.links.lost(l, now, l.reason)
		k.considerIntroduction(l.device.Bare())
	}
	k.considerRenewal(l.device) // another one may be left
}

// linkGone tells the end of a link.
func (k *core) linkGone(l *directLink) {
	k.timers.stop(&l.idle)
	k.links.dirty = true
	if l.reason != reasonIdle {
		k.confirmAgain(l)
	}
	info := k.infoOf(l)
	info.State = LinkDown
	info.Explanation, info.NextTry = Explanation{}, time.Time{} // of a link that is no more; Reason tells
	k.log.Info("direct link down", "peer", l.device.String(), "reason", l.reason)
	k.emit(LinkChanged{LinkInfo: info, Reason: l.reason})
}

// checkIdle closes a link that no chat has used for a while.
func (k *core) checkIdle(l *directLink) {
	if k.links.open[l.id] == nil {
		return
	}
	c, ok := k.paths.Chat(l.device.Bare())
	waiting, unconfirmed := 0, 0
	if ok {
		waiting, unconfirmed = c.Outstanding()
	}
	idle := time.Since(l.used)
	if idle < k.cfg.Times.IdleLink || waiting+unconfirmed > 0 {
		k.after(&l.idle, max(time.Second, k.cfg.Times.IdleLink-idle), func() { k.checkIdle(l) })
		return
	}
	k.closeLink(l, reasonIdle)
}

// reasonIdle is why links end that no chat uses.
const reasonIdle = "idle"

// closeLink ends a link politely.
func (k *core) closeLink(l *directLink, reason string) {
	l.reason = reason
	l.stream.Close(nil)
}

// infoOf describes a link.
func (k *core) infoOf(l *directLink) LinkInfo {
	q := l.stream.Link().Quality()
	info := LinkInfo{Peer: l.device, State: LinkUp, Path: l.kind, Kind: l.stream.Link().Kind(), Local: l.path.Local, Remote: l.path.Remote,
		RTT: q.RTT, Since: l.since, BytesIn: q.BytesIn, BytesOut: q.BytesOut}
	if c, ok := k.paths.Chat(l.device.Bare()); ok {
		trusted, rtt := c.Trusted(l.id)
		info.Trusted = trusted
		if info.RTT == 0 {
			info.RTT = rtt
		}
	}
	return k.explained(info, l)
}
