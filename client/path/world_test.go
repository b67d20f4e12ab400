package path

import (
	"container/heap"
	"fmt"
	"slices"
	"time"

	"godwit/jid"
)

// world is a sender's chat, two kinds of path and a peer with its devices, in virtual time. Whatever can go wrong between them does, as dice
// decides; what a path promises (first in, first out; a broken one loses the end of what it carried) it keeps.
type world struct {
	dice   func(n int) int // 0 … n-1
	plan   plan
	now    time.Time
	events eventQueue
	order  int
	steps  int

	chat   *Chat
	outbox []*posted // unsettled, in the order of Add
	all    []*posted
	byID   map[string]*posted

	session *session // the sender's with the server; nil while there is none
	told    bool     // the chat was told that the server is up
	upSince time.Time
	stored  map[string]bool // by the server
	away    bool            // the peer's devices have no connection to the server
	held    []string        // what the server has for them
	devices []*device
	links   map[LinkID]*wire
	lastID  LinkID
	changes int         // from the link alone to something else
	changed []time.Time // when what carries changed
	doubts  int
	carrier Effect // the last Changed
	fail    string
}

// plan is what a run does.
type plan struct {
	routes   bool // messages and the chat take different routes
	restarts bool // the sender's process dies
	devices  int
	receipts bool
	faults   bool
	loss     int // of 100 packets on links; each costs a retransmission
	pace     time.Duration
}

type posted struct {
	id                      string
	n                       int
	route                   Route
	at                      time.Time
	handed, sent, delivered bool
	settled                 bool
}

type device struct {
	jid jid.JID
	has map[string]bool
	log []int
}

// session is the stream between sender and server.
type session struct {
	alive   bool
	unacked []string // by the sender's count
	got     int      // of all that was ever put on it, how many the server has
	put     int
	acked   int
	lastIn  time.Time // when the last thing arrives
	lastOut time.Time
}

// wire is one link.
type wire struct {
	id          LinkID
	kind        Kind
	dev         *device
	alive       bool
	stallTo     time.Time // nothing arrives before, in the directions below
	stallIn     bool
	stallOut    bool
	in, out     time.Time // when the last thing arrives, each way
	gotTag      uint64
	forgottenBy bool // the chat dropped it or was told that it is gone
}

type event struct {
	at    time.Time
	order int
	run   func()
}

type eventQueue []event

func (q eventQueue) Len() int { return len(q) }
func (q eventQueue) Less(i, j int) bool {
	if !q[i].at.Equal(q[j].at) {
		return q[i].at.Before(q[j].at)
	}
	return q[i].order < q[j].order
}
func (q eventQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *eventQueue) Push(x any)   { *q = append(*q, x.(event)) }
func (q *eventQueue) Pop() any {
	old := *q
	e := old[len(old)-1]
	*q = old[:len(old)-1]
	return e
}

func newWorld(p plan, dice func(n int) int) *world {
	w := &world{
		dice: dice, plan: p, now: time.Unix(1_000_000, 0),
		byID: map[string]*posted{}, stored: map[string]bool{}, links: map[LinkID]*wire{},
	}
	for i := range max(1, p.devices) {
		w.devices = append(w.devices, &device{jid: jid.MustParse(fmt.Sprintf("bob@example.org/%d", i)), has: map[string]bool{}})
	}
	w.newChat()
	return w
}

func (w *world) newChat() {
	w.chat = NewChat(Config{})
	w.apply(w.chat.SetReceipts(w.now, w.plan.receipts))
}

func (w *world) failf(format string, args ...any) {
	if w.fail == "" {
		w.fail = fmt.Sprintf("at %v, step %d: ", w.now.Sub(time.Unix(1_000_000, 0)), w.steps) + fmt.Sprintf(format, args...)
	}
}

func (w *world) after(d time.Duration, run func()) time.Time {
	return w.at(w.now.Add(d), run)
}

func (w *world) at(t time.Time, run func()) time.Time {
	w.order++
	heap.Push(&w.events, event{t, w.order, run})
	return t
}

func (w *world) ms(from, to int) time.Duration {
	return time.Duration(from+w.dice(to-from+1)) * time.Millisecond
}

// next runs the next event or wakes the chat, whichever is due first. It reports false when nothing is left.
func (w *world) next() bool {
	wake := w.chat.Next()
	if !wake.IsZero() && (wake.Before(w.now) || !wake.After(w.chat.now)) {
		w.failf("Next is in the past")
		return false
	}
	w.steps++
	if len(w.events) == 0 && wake.IsZero() {
		return false
	}
	if len(w.events) == 0 || !wake.IsZero() && !wake.After(w.events[0].at) {
		w.now = wake
		w.apply(w.chat.Wake(w.now))
	} else {
		e := heap.Pop(&w.events).(event)
		w.now = e.at
		e.run()
	}
	return w.fail == ""
}

// run plays until the time is over.
func (w *world) run(d time.Duration) {
	end := w.now.Add(d)
	for w.now.Before(end) && w.next() {
	}
}

// apply carries out what the chat asks for and checks what it reports.
func (w *world) apply(effects []Effect) {
	for _, e := range slices.Clone(effects) {
		p := w.byID[e.ID]
		switch e.Action {
		case Hand:
			w.checkHand(p, e)
			if e.Link == 0 {
				w.toServer(e.ID)
			} else {
				w.toLink(w.links[e.Link], e.ID, e.Tag)
			}
		case Probe:
			w.toLink(w.links[e.Link], "", 0)
		case Drop:
			w.links[e.Link].forgottenBy, w.links[e.Link].alive = true, false
		case Sent:
			if p.sent || p.delivered || p.settled {
				w.failf("sent reported late or twice for %s", e.ID)
			}
			p.sent = true
		case Delivered:
			if !p.sent || p.delivered || p.settled {
				w.failf("delivered reported out of turn for %s", e.ID)
			}
			if !slices.ContainsFunc(w.devices, func(d *device) bool { return d.has[e.ID] }) {
				w.failf("delivered reported for %s, which nobody has", e.ID)
			}
			p.delivered = true
		case Failed:
			w.failf("failed reported for %s", e.ID)
		case Settled:
			if p.settled {
				w.failf("settled reported twice for %s", e.ID)
			}
			p.settled = true
			w.outbox = slices.DeleteFunc(w.outbox, func(q *posted) bool { return q == p })
		case Changed:
			if e.Mode == DoubledUp {
				w.changes++
			}
			if e.Mode != w.carrier.Mode || e.Link != w.carrier.Link {
				w.changed = append(w.changed, w.now)
			}
			w.carrier = e
		case Doubt:
			w.doubts++
		}
	}
}

func (w *world) checkHand(p *posted, e Effect) {
	switch {
	case p == nil:
		w.failf("handed an unknown message %q", e.ID)
	case p.settled:
		w.failf("handed %s after it was settled", e.ID)
	case e.Link == 0 && !w.told:
		w.failf("handed %s to a server that is down", e.ID)
	case e.Link != 0 && (w.links[e.Link] == nil || w.links[e.Link].forgottenBy):
		w.failf("handed %s to a link that is gone", e.ID)
	case e.Link == 0 && w.effective(p) == OnlyDirect:
		w.failf("handed %s, which must go direct, to the server", e.ID)
	case e.Link != 0 && w.effective(p) == OnlyServer:
		w.failf("handed %s, which must not go direct, to a link", e.ID)
	}
	if p != nil && !p.handed {
		p.handed = true
		since := p.at
		if w.upSince.After(since) {
			since = w.upSince
		}
		if w.told && !w.plan.routes && w.now.Sub(since) > 300*time.Millisecond {
			w.failf("%s waited %v although the server was there", p.id, w.now.Sub(since))
		}
	}
}

func (w *world) effective(p *posted) Route {
	if p.route != "" {
		return p.route
	}
	return w.chat.Route()
}

func (w *world) send() {
	n := len(w.all)
	p := &posted{id: fmt.Sprintf("m%d", n), n: n, at: w.now}
	if w.plan.routes && w.dice(4) == 0 {
		p.route = []Route{Auto, OnlyDirect, OnlyServer}[w.dice(3)]
	}
	w.all, w.outbox, w.byID[p.id] = append(w.all, p), append(w.outbox, p), p
	w.apply(w.chat.Add(w.now, p.id, p.route))
}

// arrive lets a device see a message.
func (w *world) arrive(d *device, id string) {
	if !d.has[id] {
		d.has[id] = true
		d.log = append(d.log, w.byID[id].n)
	}
}

// check looks whether each device saw everything once and in order. With routes of their own, messages keep the order among those of one route.
func (w *world) check(complete bool) {
	d := w.devices[0]
	if w.plan.devices > 1 { // only the server reaches all; together they have everything
		for _, p := range w.all {
			if complete && !w.devices[0].has[p.id] && !w.devices[1].has[p.id] {
				w.failf("%s was lost", p.id)
			}
		}
		return
	}
	last := map[Route]int{}
	for _, n := range d.log {
		r := w.all[n].route
		if !w.plan.routes {
			r = Auto
		}
		if prev, ok := last[r]; ok && prev > n {
			w.failf("m%d is shown before m%d: %v", prev, n, d.log)
		}
		last[r] = n
	}
	if complete && len(d.log) != len(w.all) {
		w.failf("%d of %d messages arrived", len(d.log), len(w.all))
	}
	if complete && len(w.outbox) != 0 {
		w.failf("%s is not settled: %+v", w.outbox[0].id, *w.outbox[0])
	}
}
