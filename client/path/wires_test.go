package path

import (
	"slices"
	"time"
)

// The paths of a world.

func (w *world) toServer(id string) {
	s := w.session
	if s == nil {
		return // it broke and the chat has not been told
	}
	s.unacked = append(s.unacked, id)
	w.put(s, id)
}

// put sends one message over a session.
func (w *world) put(s *session, id string) {
	s.put++
	n := s.put
	at := w.now.Add(w.ms(5, 60))
	if at.Before(s.lastIn) {
		at = s.lastIn
	}
	s.lastIn = w.at(at, func() {
		if !s.alive || s.got != n-1 {
			return
		}
		s.got = n
		if !w.stored[id] || w.dice(3) == 0 { // some servers know duplicates, some do not
			w.stored[id] = true
			w.held = append(w.held, id)
			w.forward()
		}
		ack := w.now.Add(w.ms(5, 60))
		if ack.Before(s.lastOut) {
			ack = s.lastOut
		}
		s.lastOut = w.at(ack, func() {
			if s.alive && w.session == s {
				w.ackTo(s, n)
			}
		})
	})
}

func (w *world) ackTo(s *session, n int) {
	for s.acked < n {
		id := s.unacked[0]
		s.unacked, s.acked = s.unacked[1:], s.acked+1
		w.apply(w.chat.ServerAcked(w.now, id))
	}
}

// forward lets the server deliver what it holds, to all devices in its order.
func (w *world) forward() {
	if w.away {
		return
	}
	for _, id := range w.held {
		for i, d := range w.devices {
			w.after(20*time.Millisecond, func() { // the same for all, so that the order stays
				w.arrive(d, id)
				if !w.plan.receipts || i > 0 && w.dice(2) == 0 || w.plan.faults && w.dice(50) == 0 {
					return
				}
				w.receipt(d, id)
			})
		}
	}
	w.held = nil
}

// receipt lets a confirmation travel back; it waits at the server while the sender is not there.
func (w *world) receipt(d *device, id string) {
	w.after(40*time.Millisecond, func() {
		if !w.told {
			w.receipt(d, id)
			return
		}
		if w.byID[id] != nil {
			w.apply(w.chat.Receipt(w.now, id, d.jid))
		}
	})
}

// serverUp connects the sender; resume goes on with the session before.
func (w *world) serverUp(resume bool) {
	if w.told {
		return
	}
	w.told, w.upSince = true, w.now
	if s := w.session; resume && s != nil {
		next := &session{alive: true, unacked: s.unacked, acked: s.acked, got: s.got, put: s.got}
		w.session = next
		w.ackTo(next, s.got)
		for _, id := range next.unacked {
			w.put(next, id)
		}
		w.apply(w.chat.ServerUp(w.now, true))
		return
	}
	w.session = &session{alive: true}
	w.apply(w.chat.ServerUp(w.now, false))
}

// serverDown breaks the sender's connection; the chat learns of it after a while.
func (w *world) serverDown(notice time.Duration) {
	s := w.session
	if !w.told || s == nil || !s.alive {
		return
	}
	s.alive = false
	w.after(notice, func() {
		if w.session == s && w.told {
			w.told = false
			w.apply(w.chat.ServerDown(w.now))
		}
	})
}

func (w *world) linkUp(d *device, kind Kind) {
	w.lastID++
	l := &wire{id: w.lastID, kind: kind, dev: d, alive: true}
	w.links[l.id] = l
	w.apply(w.chat.LinkUp(w.now, Link{ID: l.id, Device: d.jid, Kind: kind}))
}

// travel is when something put on a link now arrives: after the delay, losses, stalls, and what went before.
func (w *world) travel(l *wire, last time.Time, stalled bool) time.Time {
	at := w.now.Add(w.ms(2, 40))
	for w.plan.loss > 0 && w.dice(100) < w.plan.loss {
		at = at.Add(w.ms(60, 250)) // lost and sent again
	}
	if stalled && at.Before(l.stallTo) {
		at = l.stallTo
	}
	if at.Before(last) {
		at = last
	}
	return at
}

// toLink puts a message, or a probe (id ""), on a link.
func (w *world) toLink(l *wire, id string, tag uint64) {
	if l == nil || !l.alive {
		return
	}
	l.in = w.at(w.travel(l, l.in, l.stallIn), func() {
		if !l.alive {
			return
		}
		if id != "" {
			w.arrive(l.dev, id)
			l.gotTag = tag
			return
		}
		answer := l.gotTag
		l.out = w.at(w.travel(l, l.out, l.stallOut), func() {
			if l.alive && !l.forgottenBy {
				w.apply(w.chat.LinkAcked(w.now, l.id, answer))
			}
		})
	})
}

// stall holds up everything that is put on a link from now on, in one direction or both.
func (w *world) stall(l *wire, d time.Duration) {
	l.stallTo = w.now.Add(d)
	switch w.dice(3) {
	case 0:
		l.stallIn, l.stallOut = true, true
	case 1:
		l.stallIn, l.stallOut = true, false
	case 2:
		l.stallIn, l.stallOut = false, true
	}
}

// cut ends a link; the chat learns of it after a while, or has to find out itself.
func (w *world) cut(l *wire, notice time.Duration) {
	l.alive = false
	if notice < 0 {
		return
	}
	w.after(notice, func() {
		if !l.forgottenBy {
			l.forgottenBy = true
			w.apply(w.chat.LinkDown(w.now, l.id))
		}
	})
}

func (w *world) liveLinks() []*wire {
	var out []*wire
	for _, l := range w.links {
		if l.alive && !l.forgottenBy {
			out = append(out, l)
		}
	}
	slices.SortFunc(out, func(a, b *wire) int { return int(a.id) - int(b.id) })
	return out
}

// restart kills the sender's process and starts it again from its outbox.
func (w *world) restart() {
	for _, l := range w.links {
		l.alive, l.forgottenBy = false, true
	}
	if w.session != nil {
		w.session.alive = false
	}
	w.session, w.told = nil, false
	route := w.chat.Route()
	w.newChat()
	w.apply(w.chat.SetRoute(w.now, route))
	for _, p := range slices.Clone(w.outbox) {
		w.apply(w.chat.Restore(w.now, p.id, p.route, p.sent))
	}
}

// mischief does one random thing.
func (w *world) mischief() {
	links := w.liveLinks()
	pick := func(f func(*wire)) {
		if len(links) > 0 {
			f(links[w.dice(len(links))])
		}
	}
	notices := []time.Duration{0, 0, w.ms(1, 400), w.ms(400, 8000)}
	switch w.dice(12) {
	case 0, 1:
		w.serverDown(notices[w.dice(4)])
	case 2, 3, 4:
		w.serverUp(w.dice(2) == 0)
	case 5, 6:
		if len(links) < 3 {
			kind := Direct
			if w.dice(5) == 0 {
				kind = Relay
			}
			w.linkUp(w.devices[w.dice(len(w.devices))], kind)
		}
	case 7:
		pick(func(l *wire) { w.cut(l, append(notices, -1)[w.dice(5)]) })
	case 8:
		pick(func(l *wire) { w.stall(l, w.ms(100, 15000)) })
	case 9:
		w.away = !w.away
		w.forward()
	case 10:
		if w.plan.routes {
			w.apply(w.chat.SetRoute(w.now, []Route{Auto, Auto, OnlyDirect, OnlyServer}[w.dice(4)]))
		} else {
			w.apply(w.chat.PeerActive(w.now, w.devices[w.dice(len(w.devices))].jid))
		}
	case 11:
		if w.plan.restarts && w.dice(4) == 0 {
			w.restart()
		}
	}
}

// heal makes everything work again, for good.
func (w *world) heal() {
	w.plan.faults, w.plan.loss = false, 0 // dice that always lose would keep trust from lasting
	w.apply(w.chat.SetRoute(w.now, Auto))
	w.away = false
	w.forward()
	if w.told {
		w.session.alive, w.told = false, false
		w.apply(w.chat.ServerDown(w.now))
	}
	w.run(time.Second)
	w.serverUp(false)
	for _, l := range w.liveLinks() {
		w.cut(l, 0)
	}
	w.run(time.Second)
	if w.dice(2) == 0 {
		w.linkUp(w.devices[0], Relay)
		w.run(w.ms(0, 5000))
	}
	w.linkUp(w.devices[0], Direct)
	if w.dice(2) == 0 {
		w.linkUp(w.devices[0], Relay) // the peer's half of an attempt that ended in less
	}
}
