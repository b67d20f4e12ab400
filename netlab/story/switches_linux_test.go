package story

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"godwit/netlab"
)

// SwitchesEnv names the environment variable that says how often paths are broken in all.
const SwitchesEnv = "GODWIT_SWITCHES"

// ear hears the numbered messages of one person for another. One goroutine fills it; the rest may be called from any.
type ear struct {
	from string

	mu      sync.Mutex // guards the rest
	tally   Tally
	came    time.Time // the latest that was new
	direct  int       // highest number that came directly, and one more
	byWay   map[string]int
	way     string
	changes int // of the way from one message to the next
	more    chan struct{}
}

func newEar(from string) *ear {
	return &ear{from: from, byWay: map[string]int{}, more: make(chan struct{})}
}

// hear is a [Watched]: it forgets what it has counted.
func (e *ear) hear(v Event) bool {
	switch v.Event {
	case "sent", "delivered":
		return false
	case "message":
	default:
		return true
	}
	n, ok := (&Person{Name: e.from}).Number(v.Body)
	if !ok || v.History {
		return true
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.tally.Take(n)
	e.came = v.At
	if v.Path == direct {
		e.direct = max(e.direct, n+1)
	}
	e.byWay[v.Path]++
	if e.way != "" && e.way != v.Path {
		e.changes++
	}
	e.way = v.Path
	close(e.more)
	e.more = make(chan struct{})
	return false
}

// until waits until it is so and tells when the message came that made it so; ok is false if time ran out.
func (e *ear) until(within time.Duration, so func(*ear) bool) (at time.Time, ok bool) {
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	for {
		e.mu.Lock()
		at, ok, more := e.came, so(e), e.more
		e.mu.Unlock()
		if ok {
			return at, true
		}
		select {
		case <-more:
		case <-deadline.C:
			return at, false
		}
	}
}

// figures are durations by what was done.
type figures struct {
	mu   sync.Mutex // guards the rest
	next map[string][]time.Duration
	back map[string][]time.Duration
	ways map[string]int
	held map[string]int // breaks after which the direct path was not back while that was waited for
	seen int            // changes of path that receivers saw
}

func (f *figures) note(into map[string][]time.Duration, what string, d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	into[what] = append(into[what], d)
}

// quantile is of a sorted list.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

func (f *figures) print() {
	f.mu.Lock()
	defer f.mu.Unlock()
	line := func(text string, args ...any) { fmt.Printf("%s%s\n", TableMark, fmt.Sprintf(text, args...)) }
	line("%-34s %6s  %9s %9s %9s   %6s %9s %9s %6s", "break", "times", "next p50", "p99", "worst", "direct", "p50", "p99", "not yet")
	var all []time.Duration
	row := func(what string, next, back []time.Duration, held int) {
		slices.Sort(next)
		slices.Sort(back)
		line("%-34s %6d  %9v %9v %9v   %6d %9v %9v %6d", what, len(next), ms(quantile(next, 0.5)), ms(quantile(next, 0.99)), ms(quantile(next, 1)),
			len(back), ms(quantile(back, 0.5)), ms(quantile(back, 0.99)), held)
	}
	for _, what := range slices.Sorted(maps.Keys(f.next)) {
		all = append(all, f.next[what]...)
		row(what, f.next[what], f.back[what], f.held[what])
	}
	row("all", all, nil, 0)
	line("messages by path: %v; the path of successive messages changed %d times", f.ways, f.seen)
}

func ms(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// Bounds of the endurance test.
const (
	breakPace      = 40 * time.Millisecond // between messages of one person
	stuck          = 90 * time.Second      // nothing may take so long
	directPatience = 4 * time.Second       // how long the direct path's return is waited for before the next break
)

// TestSwitches breaks paths again and again under numbered traffic with 5 % loss between the homes. Whatever is done, everything arrives, once and
// in order.
func TestSwitches(t *testing.T) {
	netlab.Require(t)
	breaks := 100
	if os.Getenv(LabEnv) == "full" {
		breaks = 1000
	}
	if s := os.Getenv(SwitchesEnv); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		breaks = n
	}
	f := &figures{next: map[string][]time.Duration{}, back: map[string][]time.Duration{}, ways: map[string]int{}, held: map[string]int{}}
	var left atomic.Int64
	left.Store(int64(breaks))
	t.Run("pairs", func(t *testing.T) {
		for i, kinds := range [][2]netlab.Kind{
			{netlab.PortRestricted, netlab.PortRestricted},
			{netlab.PortRestricted, netlab.EIMNoPreserve},
			{netlab.FullCone, netlab.Symmetric},
			{netlab.Restricted, netlab.PortRestricted},
			{netlab.Symmetric, netlab.Symmetric},
			{netlab.PortRestricted, netlab.FullCone},
		} {
			t.Run(fmt.Sprintf("%v × %v", kinds[0], kinds[1]), func(t *testing.T) {
				t.Parallel()
				endure(t, kinds, f, &left, rand.New(rand.NewPCG(uint64(i), 1)))
			})
		}
	})
	f.print()
}

// trial is one pair that is being disturbed.
type trial struct {
	*meeting
	t      *testing.T
	mobile *netlab.Uplink // of alice
	talk   *talk
	ears   [2]*ear // of bob for alice, of alice for bob
	figs   *figures
	chance *rand.Rand
	direct bool // theory allows it
}

func endure(t *testing.T, kinds [2]netlab.Kind, f *figures, left *atomic.Int64, chance *rand.Rand) {
	m := newMeeting(t)
	link := netlab.WithLink(netlab.Link{Delay: 10 * time.Millisecond, Jitter: 2 * time.Millisecond, Loss: 0.025})
	m.homes(kinds[0], kinds[1], link)
	x := &trial{meeting: m, t: t, figs: f, chance: chance, direct: theory(kinds[0], kinds[1]) == direct}
	x.mobile = m.hostA.Join(m.lab.AddNAT("mobile", netlab.PortRestricted, link))
	x.ears = [2]*ear{newEar("alice"), newEar("bob")}
	m.beginWatched(t, x.ears[1].hear, x.ears[0].hear)
	x.talk = m.talk(breakPace)
	for left.Add(-1) >= 0 && !t.Failed() {
		x.once()
	}
	sent := x.talk.end(t)
	for i, e := range x.ears {
		if _, ok := e.until(stuck, func(e *ear) bool { return e.tally.Lost(sent[i]) == 0 }); !ok {
			t.Errorf("after the end of everything %d of %s's %d messages are missing", e.tally.Lost(sent[i]), e.from, sent[i])
		}
		e.mu.Lock()
		if e.tally.Doubled+e.tally.Disorder > 0 {
			t.Errorf("of %s's %d messages %d were doubled, %d out of order", e.from, sent[i], e.tally.Doubled, e.tally.Disorder)
		}
		f.mu.Lock()
		for way, n := range e.byWay {
			f.ways[way] += n
		}
		f.seen += e.changes
		f.mu.Unlock()
		e.mu.Unlock()
	}
}

// disturbance is something done to the network. undo, if any, is done once messages pass again.
type disturbance struct {
	name   string
	weight int
	do     func(x *trial) (undo func())
}

var disturbances = []disturbance{
	{"NAT rebound", 3, func(x *trial) func() {
		[]*netlab.NAT{x.homeA, x.homeB}[x.chance.IntN(2)].Rebind()
		return nil
	}},
	{"direct path dropped", 3, func(x *trial) func() {
		x.lab.Cut(x.homeA, x.homeB)
		return func() { x.lab.Restore(x.homeA, x.homeB) }
	}},
	{"direct path and relay dropped", 2, func(x *trial) func() {
		x.lab.Cut(x.homeA, x.homeB)
		x.lab.Cut(x.homeA, x.hostS)
		return func() { x.lab.Restore(x.homeA, x.homeB); x.lab.Restore(x.homeA, x.hostS) }
	}},
	{"relay dropped", 1, func(x *trial) func() {
		x.lab.Cut(x.homeB, x.hostS)
		return func() { x.lab.Restore(x.homeB, x.hostS) }
	}},
	{"server and relay killed", 1, func(x *trial) func() {
		x.server.Kill9()
		x.server.Restart(x.t)
		return nil
	}},
	{"direct path dropped, server killed", 1, func(x *trial) func() {
		x.lab.Cut(x.homeA, x.homeB)
		x.server.Kill9()
		x.server.Restart(x.t)
		return func() { x.lab.Restore(x.homeA, x.homeB) }
	}},
	{"interface down and up", 2, func(x *trial) func() {
		u := x.hostB.Uplinks()[0]
		u.Down()
		u.Up()
		return nil
	}},
	{"Wi-Fi to mobile", 1, func(x *trial) func() {
		x.hostA.Uplinks()[0].Down()
		return nil
	}},
	{"another address", 1, func(x *trial) func() {
		x.hostB.Uplinks()[0].Renumber()
		return nil
	}},
}

func (x *trial) pick() disturbance {
	total := 0
	for _, d := range disturbances {
		total += d.weight
	}
	n := x.chance.IntN(total)
	for _, d := range disturbances {
		if n -= d.weight; n < 0 {
			return d
		}
	}
	panic("weights do not add up")
}

// once breaks something, waits until messages written afterwards arrive both ways, mends it, and half of the time waits for the direct path.
func (x *trial) once() {
	d := x.pick()
	before := x.talk.soFar()
	start := time.Now()
	undo := d.do(x)
	if !x.pass(d.name, before, start) {
		return
	}
	if undo != nil {
		undo()
		start = time.Now()
	}
	if d.name == "Wi-Fi to mobile" { // and back, which is a break like another
		before, start = x.talk.soFar(), time.Now()
		x.hostA.Uplinks()[0].Up()
		if !x.pass("mobile to Wi-Fi", before, start) {
			return
		}
	}
	if !x.direct || x.chance.IntN(2) == 0 {
		return
	}
	after := x.talk.soFar()
	var last time.Time
	for i, e := range x.ears {
		at, ok := e.until(directPatience, func(e *ear) bool { return e.direct > after[i] })
		if !ok {
			x.figs.mu.Lock()
			x.figs.held[d.name]++
			x.figs.mu.Unlock()
			return
		}
		if at.After(last) {
			last = at
		}
	}
	x.figs.note(x.figs.back, d.name, last.Sub(start))
}

// pass waits until what was written after a break has arrived both ways.
func (x *trial) pass(what string, before [2]int, start time.Time) bool {
	var last time.Time
	for i, e := range x.ears {
		at, ok := e.until(stuck, func(e *ear) bool { return e.tally.highest > before[i] })
		if !ok {
			x.t.Errorf("%s: nothing from %s for %v", what, e.from, stuck)
			return false
		}
		if at.After(last) {
			last = at
		}
	}
	x.figs.note(x.figs.next, what, last.Sub(start))
	return true
}
