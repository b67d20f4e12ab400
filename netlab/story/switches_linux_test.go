package story

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
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
	came    time.Time      // the latest that was new
	by      map[string]int // by path: the highest number that came by it, and one more
	byWay   map[string]int // by path: how many came by it
	way     string
	changes int // of the way from one message to the next
	more    chan struct{}
}

func newEar(from string) *ear {
	return &ear{from: from, by: map[string]int{}, byWay: map[string]int{}, more: make(chan struct{})}
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
	e.by[v.Path] = max(e.by[v.Path], n+1)
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
	held map[string]int // breaks after which the best path was not back while that was waited for
	hit  map[string]int // breaks by the path that carried and was broken; "none" if what carried was spared
	seen int            // changes of path that receivers saw
}

func newFigures() *figures {
	return &figures{next: map[string][]time.Duration{}, back: map[string][]time.Duration{}, ways: map[string]int{}, held: map[string]int{}, hit: map[string]int{}}
}

func (f *figures) count(in map[string]int, what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	in[what]++
}

// share is the part of a count, in percent.
func share(of map[string]int, what string) int {
	all := 0
	for _, n := range of {
		all += n
	}
	return 100 * of[what] / max(1, all)
}

func (f *figures) note(into map[string][]time.Duration, what string, d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	into[what] = append(into[what], d)
}

// heard adds what an ear has counted, which its lock guards.
func (f *figures) heard(e *ear) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for way, n := range e.byWay {
		f.ways[way] += n
	}
	f.seen += e.changes
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
	line("%-34s %6s  %9s %9s %9s   %6s %9s %9s %6s", "break", "times", "next p50", "p99", "worst", "back", "p50", "p99", "not yet")
	var all, allBack []time.Duration
	late := 0
	row := func(what string, next, back []time.Duration, held int) {
		slices.Sort(next)
		slices.Sort(back)
		line("%-34s %6d  %9v %9v %9v   %6d %9v %9v %6d", what, len(next), ms(quantile(next, 0.5)), ms(quantile(next, 0.99)), ms(quantile(next, 1)),
			len(back), ms(quantile(back, 0.5)), ms(quantile(back, 0.99)), held)
	}
	for _, what := range slices.Sorted(maps.Keys(f.next)) {
		all, allBack, late = append(all, f.next[what]...), append(allBack, f.back[what]...), late+f.held[what]
		row(what, f.next[what], f.back[what], f.held[what])
	}
	row("all", all, allBack, late)
	line("breaks by the path they hit: %v", f.hit)
	line("messages by path: %v; the path of successive messages changed %d times", f.ways, f.seen)
}

func ms(d time.Duration) time.Duration { return d.Round(time.Millisecond) }

// Bounds of the endurance test.
const (
	breakPace    = 100 * time.Millisecond // between messages of one person
	stuck        = 90 * time.Second       // nothing may take so long
	bestPatience = 5 * time.Second        // how long the best path's return is waited for before the next break
	settled      = 3 * time.Second        // for how long it carries then, and up to half as long again
	leastShare   = 10                     // percent of the messages, and of the breaks, that fall to each path between the two clients
)

// TestSwitches breaks paths again and again under numbered traffic with 5 % loss between the homes, each time that the path which the networks
// allow carries again, or has had its time to. Whatever is done, everything arrives, once and in order; and it is those paths that carry.
func TestSwitches(t *testing.T) {
	netlab.Require(t)
	breaks := 80
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
	f := newFigures()
	var left atomic.Int64
	left.Store(int64(breaks))
	t.Run("pairs", func(t *testing.T) {
		for i, kinds := range [][2]netlab.Kind{
			{netlab.PortRestricted, netlab.PortRestricted},
			{netlab.Symmetric, netlab.Symmetric},
			{netlab.PortRestricted, netlab.EIMNoPreserve},
			{netlab.Symmetric, netlab.Symmetric},
			{netlab.FullCone, netlab.Symmetric},
			{netlab.Symmetric, netlab.UDPBlocked},
			{netlab.Restricted, netlab.PortRestricted},
			{netlab.Symmetric, netlab.Symmetric},
			{netlab.PortRestricted, netlab.FullCone},
			{netlab.PortRestricted, netlab.PortRestricted},
		} {
			t.Run(fmt.Sprintf("%v × %v", kinds[0], kinds[1]), func(t *testing.T) {
				t.Parallel()
				endure(t, kinds, f, &left, rand.New(rand.NewPCG(uint64(i), 1)))
			})
		}
	})
	f.print()
	for _, path := range []string{direct, relayed} {
		if n, m := share(f.ways, path), share(f.hit, path); !t.Failed() && breaks >= 60 && (n < leastShare || m < leastShare) {
			t.Errorf("%s: %d %% of the messages went by it and %d %% of the breaks hit it; at least %d %% of each would show what a break of it does",
				path, n, m, leastShare)
		}
	}
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
	left   *atomic.Int64 // breaks
	best   string        // the path that theory allows
}

func endure(t *testing.T, kinds [2]netlab.Kind, f *figures, left *atomic.Int64, chance *rand.Rand) {
	m := newMeeting(t)
	link := netlab.WithLink(netlab.Link{Delay: 10 * time.Millisecond, Jitter: 2 * time.Millisecond, Loss: 0.025})
	m.homes(kinds[0], kinds[1], link)
	x := &trial{meeting: m, t: t, figs: f, chance: chance, left: left, best: theory(kinds[0], kinds[1])}
	x.mobile = m.hostA.Join(m.lab.AddNAT("mobile", kinds[0], link))
	x.ears = [2]*ear{newEar("alice"), newEar("bob")}
	m.beginWatched(t, x.ears[1].hear, x.ears[0].hear)
	x.talk = m.talk(breakPace)
	x.settle("the beginning", [2]int{}, time.Now(), stuck)
	for left.Add(-1) >= 0 && !t.Failed() {
		x.once()
	}
	x.finish(f)
}

// finish ends the talk and looks whether everything was heard once and in order. What was heard by which path goes into f, if that is not nil.
func (x *trial) finish(f *figures) {
	t := x.t
	sent := x.talk.end(t)
	for i, e := range x.ears {
		if _, ok := e.until(stuck, func(e *ear) bool { return e.tally.Lost(sent[i]) == 0 }); !ok {
			t.Errorf("after the end of everything %d of %s's %d messages are missing", e.tally.Lost(sent[i]), e.from, sent[i])
		}
		e.mu.Lock()
		if e.tally.Doubled+e.tally.Disorder > 0 {
			t.Errorf("of %s's %d messages %d were doubled, %d out of order", e.from, sent[i], e.tally.Doubled, e.tally.Disorder)
		}
		if f != nil {
			f.heard(e)
		}
		e.mu.Unlock()
	}
}

// disturbance is something done to the network. undo, if any, is done once messages pass again.
type disturbance struct {
	name   string
	weight int
	hits   string // the paths it breaks
	do     func(x *trial) (undo func())
}

var disturbances = []disturbance{
	{"NAT rebound", 3, direct + relayed + byServer, func(x *trial) func() {
		[]*netlab.NAT{x.homeA, x.homeB}[x.chance.IntN(2)].Rebind()
		return nil
	}},
	{"direct path dropped", 3, direct, func(x *trial) func() {
		x.lab.Cut(x.homeA, x.homeB)
		return func() { x.lab.Restore(x.homeA, x.homeB) }
	}},
	{"direct path and relay's UDP dropped", 2, direct + relayed, func(x *trial) func() {
		x.lab.Cut(x.homeA, x.homeB)
		x.lab.Cut(x.homeA, x.hostS)
		return func() { x.lab.Restore(x.homeA, x.homeB); x.lab.Restore(x.homeA, x.hostS) }
	}},
	{"relay's UDP dropped", 1, relayed, func(x *trial) func() {
		x.lab.Cut(x.homeA, x.hostS)
		return func() { x.lab.Restore(x.homeA, x.hostS) }
	}},
	{"server and relay killed", 1, relayed + byServer, func(x *trial) func() {
		x.server.Kill9()
		x.server.Restart(x.t)
		return nil
	}},
	{"direct path dropped, server killed", 1, direct + relayed + byServer, func(x *trial) func() {
		x.lab.Cut(x.homeA, x.homeB)
		x.server.Kill9()
		x.server.Restart(x.t)
		return func() { x.lab.Restore(x.homeA, x.homeB) }
	}},
	{"interface down and up", 2, direct + relayed + byServer, func(x *trial) func() {
		u := x.hostB.Uplinks()[0]
		u.Down()
		u.Up()
		return nil
	}},
	{wifiToMobile, 1, direct + relayed + byServer, func(x *trial) func() {
		x.hostA.Uplinks()[0].Down()
		return nil
	}},
	{"another address", 1, direct + relayed + byServer, func(x *trial) func() {
		x.hostB.Uplinks()[0].Renumber()
		return nil
	}},
}

const (
	byServer     = "server"
	wifiToMobile = "Wi-Fi to mobile"
)

// mobileToWifi follows each Wi-Fi to mobile.
var mobileToWifi = disturbance{"mobile to Wi-Fi", 0, "", func(x *trial) func() {
	x.hostA.Uplinks()[0].Up()
	return nil
}}

// pick draws one that breaks the pair's best path.
func (x *trial) pick() disturbance {
	total := 0
	for _, d := range disturbances {
		if strings.Contains(d.hits, x.best) {
			total += d.weight
		}
	}
	n := x.chance.IntN(total)
	for _, d := range disturbances {
		if !strings.Contains(d.hits, x.best) {
			continue
		}
		if n -= d.weight; n < 0 {
			return d
		}
	}
	panic("weights do not add up")
}

// once breaks something and waits for everything to be well again.
func (x *trial) once() {
	d := x.pick()
	x.disturb(d)
	if d.name == wifiToMobile && !x.t.Failed() { // and back, which is a change like another
		x.left.Add(-1)
		x.disturb(mobileToWifi)
	}
}

// disturb breaks something, waits until messages written afterwards arrive both ways, mends it, and waits for the best path.
func (x *trial) disturb(d disturbance) {
	hit := x.ears[0].carrier()
	if hit != x.ears[1].carrier() || !strings.Contains(d.hits, hit) {
		hit = "none"
	}
	x.figs.count(x.figs.hit, hit)
	before, start := x.talk.soFar(), time.Now()
	undo := d.do(x)
	if !x.pass(d.name, before, start) {
		return
	}
	if undo != nil {
		undo()
		start = time.Now()
	}
	x.settle(d.name, x.talk.soFar(), start, bestPatience)
}

// settle waits, but not for ever, until the best path carries what was written afterwards, and then for it to be no newcomer any more.
func (x *trial) settle(what string, after [2]int, start time.Time, within time.Duration) {
	var last time.Time
	for i, e := range x.ears {
		at, ok := e.until(within, func(e *ear) bool { return e.by[x.best] > after[i] })
		if !ok {
			x.figs.count(x.figs.held, what)
			return
		}
		if at.After(last) {
			last = at
		}
	}
	x.figs.note(x.figs.back, what, last.Sub(start))
	<-time.After(settled + time.Duration(x.chance.Int64N(int64(settled/2))))
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

// carrier is the path of the latest message.
func (e *ear) carrier() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.way
}
