package peer

import (
	"slices"
	"time"

	"godwit/link"
	"godwit/xep/jingle"
	"godwit/xmlstream"
)

// half is our side of one session, with one transport: another transport is
// another half.
type half struct {
	role    Role
	session Session     // nil until made
	links   []link.Link // those that live, oldest first
}

// maxLinks bounds the links of one session that live at the same time: a relayed
// one, its successor, and room for one that takes its time to end.
const maxLinks = 3

// params has the events of one half reach it alone: what one that was given up
// still says is dropped, and a link it made is aborted.
func (i *Introducer) params(key Key, h *half, addresses Addresses) Params {
	current := func(f func()) error {
		return i.do(func() {
			if i.halves[key] == h {
				f()
			}
		})
	}
	return Params{SID: key.SID, Peer: key.Peer, Addresses: addresses, Events: Events{
		Candidates: func(n xmlstream.Node) {
			_ = current(func() { i.perform(i.machine.Candidates(key, n)) })
		},
		Connected: func(l link.Link, path Path) {
			if i.do(func() { i.connected(key, h, l, path) }) != nil {
				l.Abort()
			}
		},
		Moved: func(l link.Link, path Path) { _ = current(func() { i.moved(key, h, l, path) }) },
		Failed: func(err error) {
			_ = current(func() { i.perform(i.machine.Failed(time.Now(), key, jingle.FailedTransport, err)) })
		},
	}}
}

// connected takes over a link.
func (i *Introducer) connected(key Key, h *half, l link.Link, path Path) {
	if i.halves[key] != h || len(h.links) >= maxLinks {
		l.Abort()
		return
	}
	ops, live := i.machine.Connected(time.Now(), key)
	if !live {
		l.Abort()
		i.perform(ops)
		return
	}
	h.links = append(h.links, l)
	i.endings.Go(func() {
		<-l.Done()
		_ = i.do(func() { i.linkEnded(key, h, l) })
	})
	i.report(Report{Key: key, Role: h.role, State: Up, Link: l, Path: path})
	i.perform(ops)
}

// linkEnded ends the session with its last link.
func (i *Introducer) linkEnded(key Key, h *half, l link.Link) {
	h.links = slices.DeleteFunc(h.links, func(other link.Link) bool { return other == l })
	if len(h.links) == 0 && i.halves[key] == h {
		i.perform(i.machine.Ended(key, jingle.Success))
	}
}

// moved passes on that a link takes another path.
func (i *Introducer) moved(key Key, h *half, l link.Link, path Path) {
	if slices.Contains(h.links, l) {
		i.report(Report{Key: key, Role: h.role, State: Moved, Link: l, Path: path})
	}
}

// answer makes the half that answers the peer's transport: that of an offer, or
// one in the place of a transport that failed.
func (i *Introducer) answer(op OpAnswer) {
	h := &half{role: Responder}
	if old := i.halves[op.Key]; old != nil {
		h.role = old.role
		i.giveUp(op.Key)
	} else {
		i.report(Report{Key: op.Key, Role: Responder, State: Connecting})
	}
	i.halves[op.Key] = h
	session, err := Session(nil), error(ErrNoTransport)
	if t := i.transport(op.Transport); t != nil {
		session, err = t.Answer(i.params(op.Key, h, op.Addresses), op.Remote)
	}
	if err != nil {
		i.perform(i.machine.Failed(time.Now(), op.Key, conditionOf(err), err))
		return
	}
	h.session = session
	i.perform(i.machine.Answered(time.Now(), op.Key, session.Local()))
}

// replace makes the half that offers another transport.
func (i *Introducer) replace(op OpReplace) {
	old := i.halves[op.Key]
	if old == nil {
		return
	}
	i.giveUp(op.Key)
	h := &half{role: old.role}
	i.halves[op.Key] = h
	session, err := Session(nil), error(ErrNoTransport)
	if t := i.transport(op.Transport); t != nil {
		session, err = t.Offer(i.params(op.Key, h, op.Addresses))
	}
	if err != nil {
		i.perform(i.machine.Failed(time.Now(), op.Key, jingle.FailedTransport, err))
		return
	}
	h.session = session
	i.log.Debug("peer: another transport is tried", "peer", op.Key.Peer, "transport", op.Transport)
	i.perform(i.machine.Reoffer(time.Now(), op.Key, session.Local()))
}

// giveUp closes a half whose transport failed. It has no link.
func (i *Introducer) giveUp(key Key) {
	if h := i.halves[key]; h.session != nil {
		h.session.Close()
	}
	delete(i.halves, key)
}

func (i *Introducer) transport(namespace string) Transport {
	for _, t := range i.config.Transports {
		if t.Namespace() == namespace {
			return t
		}
	}
	return nil
}

// grace is how long a link may live on after the peer ended its session, so
// that words still on their way are read.
const grace = 2 * time.Second

// end closes our half. Links that are up are closed, not cut; when the peer ends
// the session, which it may do a moment before its last words have arrived by
// the link, they are left to end by themselves first.
func (i *Introducer) end(op OpEnd) {
	h := i.halves[op.Key]
	if h == nil {
		return
	}
	delete(i.halves, op.Key)
	down := Report{Key: op.Key, Role: h.role, State: Down, Reason: op.Reason}
	links := slices.Clone(h.links)
	switch {
	case len(links) > 0 && op.Reason.Remote:
		i.endings.Go(func() {
			i.letEnd(links)
			closeAll(links)
			h.session.Close()
			_ = i.do(func() { i.report(down) })
		})
		return
	case len(links) > 0:
		for _, l := range links {
			_ = l.Close(nil)
		}
		i.endings.Go(func() {
			closeAll(links)
			h.session.Close()
		})
	case h.session != nil:
		h.session.Close()
	}
	i.report(down)
}

// letEnd waits for links to end by themselves, for the time of grace in all.
func (i *Introducer) letEnd(links []link.Link) {
	over := time.NewTimer(grace)
	defer over.Stop()
	for _, l := range links {
		select {
		case <-l.Done():
		case <-i.done: // Close
			return
		case <-over.C:
			return
		}
	}
}

// closeAll closes links, each in its bounded time, and waits for their end.
func closeAll(links []link.Link) {
	for _, l := range links {
		_ = l.Close(nil)
	}
	for _, l := range links {
		<-l.Done()
	}
}
