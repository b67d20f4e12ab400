package story

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"godwit/netlab"
)

// RoamingEnv names the environment variable that says how often TestRoaming does each thing.
const RoamingEnv = "GODWIT_ROAMING"

// Times of TestRoaming.
const (
	calm       = 8 * time.Second  // between two things done
	comeBack   = 30 * time.Second // nothing may take so long to carry again
	roamedPace = 40 * time.Millisecond
)

// calmLink is the line of each home: two homes are 60 ms of round trip apart, the server 30.
var calmLink = netlab.Link{Delay: 15 * time.Millisecond, Jitter: 2 * time.Millisecond, Loss: 0.005}

// span is a series of durations under a name.
type span struct {
	name  string
	times []time.Duration
}

// spans are what was measured of one thing done, in the order it was first measured. The test's goroutine owns them.
type spans struct{ list []*span }

func (s *spans) note(name string, d time.Duration) {
	for _, x := range s.list {
		if x.name == name {
			x.times = append(x.times, d)
			return
		}
	}
	s.list = append(s.list, &span{name, []time.Duration{d}})
}

// report is lines of a table that is printed when all is over.
type report struct {
	mu    sync.Mutex // guards lines
	lines []string
}

func (r *report) add(title string, s *spans) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, x := range s.list {
		slices.Sort(x.times)
		r.lines = append(r.lines, fmt.Sprintf("%-62s %-28s %3d %8v %8v %8v", title, x.name, len(x.times), ms(x.times[0]), ms(quantile(x.times, 0.5)), ms(quantile(x.times, 1))))
		title = ""
	}
}

func (r *report) print() {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Printf("%s%-62s %-28s %3s %8s %8s %8s\n", TableMark, "one break at a time, 60 ms of round trip, 1 % loss", "until", "n", "least", "median", "most")
	for _, l := range r.lines {
		fmt.Printf("%s%s\n", TableMark, l)
	}
}

// roamer is one pair whose networks change, one thing at a time.
type roamer struct {
	*trial        // its t is the pair's, which outlives one kind of break
	best   string // the path that theory allows
	online [2]*arrival
	s      *spans

	before [2]int // messages sent before the break
	start  time.Time
}

// arrival is when something happened last.
type arrival struct {
	mu sync.Mutex // guards at
	at time.Time
}

func (a *arrival) set(at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at = at
}

func (a *arrival) get() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.at
}

// move is one thing done, with what is waited for and measured.
type move struct {
	name  string
	paths string // the best paths it concerns
	do    func(r *roamer)
}

var moves = []move{
	{"NAT rebound", direct + relayed, func(r *roamer) {
		r.mark(r.best, func() { r.homeA.Rebind() })
	}},
	{"direct path cut, restored", direct, func(r *roamer) {
		r.mark(relayed, func() { r.lab.Cut(r.homeA, r.homeB) })
		r.quiet(calm)
		r.back("restored: ", direct, func() { r.lab.Restore(r.homeA, r.homeB) })
	}},
	{"direct path and relay's UDP cut, restored", direct, func(r *roamer) {
		r.mark("", func() { r.lab.Cut(r.homeA, r.homeB); r.lab.Cut(r.homeA, r.hostS) })
		r.quiet(calm)
		r.back("restored: ", direct, func() { r.lab.Restore(r.homeA, r.homeB); r.lab.Restore(r.homeA, r.hostS) })
	}},
	{"relay's UDP cut, restored", relayed, func(r *roamer) {
		r.mark("", func() { r.lab.Cut(r.homeA, r.hostS) })
		r.quiet(calm)
		r.back("restored: ", relayed, func() { r.lab.Restore(r.homeA, r.hostS) })
	}},
	{"server killed, restarted", direct + relayed, func(r *roamer) {
		r.mark(r.best, func() { r.server.Kill9(); r.broke(); r.server.Restart(r.t) })
		begun := r.start
		for i, a := range r.online {
			for end := time.Now().Add(comeBack); a.get().Before(begun); {
				if time.Now().After(end) {
					r.t.Fatalf("%d is not online again", i)
				}
				r.quiet(20 * time.Millisecond)
			}
			r.s.note("online again", a.get().Sub(begun))
		}
	}},
	{"interface down, up", direct + relayed, func(r *roamer) {
		r.mark(r.best, func() { u := r.hostB.Uplinks()[0]; u.Down(); r.broke(); u.Up() })
	}},
	{"Wi-Fi to mobile, and back", direct + relayed, func(r *roamer) {
		r.mark(r.best, func() { r.hostA.Uplinks()[0].Down() })
		r.quiet(calm)
		r.back("back: ", r.best, func() { r.hostA.Uplinks()[0].Up() })
	}},
}

// broke says that the break is complete: what is written from now on meets it.
func (r *roamer) broke() { r.before, r.start = r.talk.soFar(), time.Now() }

func (r *roamer) quiet(d time.Duration) { <-time.After(d) }

// mark does something and measures until the next delivery each way and, unless it is "", until a path carries.
func (r *roamer) mark(path string, do func()) { r.back("", path, do) }

func (r *roamer) back(prefix, path string, do func()) {
	r.t.Helper()
	r.start = time.Time{}
	do()
	if r.start.IsZero() {
		r.broke()
	}
	before, start := r.before, r.start
	for i, e := range r.ears {
		at, ok := e.until(comeBack, func(e *ear) bool { return e.tally.highest > before[i] })
		if !ok {
			r.t.Fatalf("nothing from %s", e.from)
		}
		r.s.note(prefix+"next delivery from "+e.from, max(0, at.Sub(start)))
	}
	if path == "" {
		return
	}
	for i, e := range r.ears {
		at, ok := e.until(comeBack, func(e *ear) bool { return e.by[path] > before[i] })
		if !ok {
			r.t.Errorf("%s%s does not carry what %s writes", prefix, path, e.from)
			continue
		}
		r.s.note(prefix+path+" carries "+e.from+"'s", max(0, at.Sub(start)))
	}
}

// TestRoaming does one thing to the network at a time, to pairs who talk all the time, waits until the best path is back and all is calm, and
// prints how long it took. What is asserted is that everything arrives, once and in order, and that the best path comes back at all.
func TestRoaming(t *testing.T) {
	netlab.Require(t)
	times := 2
	if s := os.Getenv(RoamingEnv); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		times = n
	} else if os.Getenv(LabEnv) != "full" {
		t.Skipf("it takes minutes; %s=full or %s=N plays it", LabEnv, RoamingEnv)
	}
	var rep report
	t.Run("pairs", func(t *testing.T) {
		for _, kinds := range [][2]netlab.Kind{{netlab.PortRestricted, netlab.PortRestricted}, {netlab.Symmetric, netlab.Symmetric}} {
			t.Run(fmt.Sprintf("%v × %v", kinds[0], kinds[1]), func(t *testing.T) {
				t.Parallel()
				roam(t, kinds, times, &rep)
			})
		}
	})
	rep.print()
}

func roam(t *testing.T, kinds [2]netlab.Kind, times int, rep *report) {
	m := newMeeting(t)
	link := netlab.WithLink(calmLink)
	m.homes(kinds[0], kinds[1], link)
	r := &roamer{trial: &trial{meeting: m, t: t}, best: theory(kinds[0], kinds[1]), online: [2]*arrival{{}, {}}}
	r.mobile = m.hostA.Join(m.lab.AddNAT("mobile", kinds[0], link))
	r.ears = [2]*ear{newEar("alice"), newEar("bob")}
	watch := func(i int, hear Watched) Watched {
		return func(e Event) bool {
			if e.Event == "online" {
				r.online[i].set(e.At)
			}
			return hear(e)
		}
	}
	m.beginWatched(t, watch(0, r.ears[1].hear), watch(1, r.ears[0].hear))
	r.talk = m.talk(roamedPace)
	for i, e := range r.ears {
		if _, ok := e.until(comeBack, func(e *ear) bool { return e.by[r.best] > 0 }); !ok {
			t.Fatalf("%s does not carry in the first place (%d)", r.best, i)
		}
	}
	for _, mv := range moves {
		if !strings.Contains(mv.paths, r.best) {
			continue
		}
		t.Run(mv.name, func(t *testing.T) {
			r.s = &spans{}
			for range times {
				r.quiet(calm)
				mv.do(r)
			}
			rep.add(fmt.Sprintf("%v × %v: %s", kinds[0], kinds[1], mv.name), r.s)
		})
	}
	r.finish(nil)
}
