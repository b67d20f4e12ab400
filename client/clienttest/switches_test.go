package clienttest

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"godwit/client"
	"godwit/client/cache"
	"godwit/client/path"
	"godwit/jid"
	"godwit/store"
)

const (
	beat      = 40 * time.Millisecond // between two numbered messages of one side, around a break
	slow      = time.Second           // while the path that is wanted is waited for
	settling  = 45 * time.Second      // to wait for the path that is wanted
	giveUp    = 3 * time.Minute       // for a message to arrive after a break
	pairCount = 4
	enough    = 4 * time.Minute // of real time, unless a number of switches is asked for
)

// perPair is how many switches of a pair make a round.
func perPair() int {
	if racing || testing.Short() {
		return 5
	}
	return 25
}

// tally is what a run counts.
type tally struct {
	mu       sync.Mutex
	switches int                          // breaks of a path that carried
	breaks   int                          // all breaks
	kinds    map[string]map[path.Kind]int // which break took away which path that carried
	messages map[path.Kind]int            // by the path they came
	unwanted int                          // times the wanted path did not come up in time
	took     []time.Duration              // from a break to the next delivery of a message sent after it, each way
	ofKind   map[string][]time.Duration
	virtual  time.Duration
}

func newTally() *tally {
	return &tally{kinds: map[string]map[path.Kind]int{}, messages: map[path.Kind]int{}, ofKind: map[string][]time.Duration{}}
}

func (c *tally) broke(name string, took []path.Kind) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.breaks++
	if len(took) == 0 {
		return
	}
	c.switches++
	if c.kinds[name] == nil {
		c.kinds[name] = map[path.Kind]int{}
	}
	for _, k := range took {
		c.kinds[name][k]++
	}
}

func (c *tally) delivered(name string, hit bool, d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if hit {
		c.took = append(c.took, d)
		c.ofKind[name] = append(c.ofKind[name], d)
	}
}

// lost counts, by path, how often it was taken away while it carried.
func (c *tally) lost() map[path.Kind]int {
	n := map[path.Kind]int{}
	for _, of := range c.kinds {
		for k, m := range of {
			n[k] += m
		}
	}
	return n
}

func quantile(d []time.Duration, percent int) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[min(len(d)-1, len(d)*percent/100)].Round(time.Millisecond)
}

func (c *tally) String() string {
	m, l := c.messages, c.lost()
	return fmt.Sprintf("%d switches (%d breaks): taken away while carrying: direct %d, relay %d, server %d; %d messages: direct %d, relay %d, server %d; "+
		"next delivery p50 %v, p99 %v, most %v; wanted path missing %d times; %v of virtual time",
		c.switches, c.breaks, l[path.Direct], l[path.Relay], l[path.Server], m[path.Direct]+m[path.Relay]+m[path.Server], m[path.Direct], m[path.Relay],
		m[path.Server], quantile(c.took, 50), quantile(c.took, 99), quantile(c.took, 100), c.unwanted, c.virtual.Round(time.Second))
}

// byKind tells the same of each kind of break.
func (c *tally) byKind() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(c.kinds)) {
		of, d := c.kinds[name], c.ofKind[name]
		fmt.Fprintf(&b, "\n\t%-32s direct %4d, relay %4d, server %4d; p50 %v, p99 %v, most %v", name, of[path.Direct], of[path.Relay], of[path.Server],
			quantile(d, 50), quantile(d, 99), quantile(d, 100))
	}
	return b.String()
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return -1
	}
	return n
}

// setting is a number from the environment.
func setting(name string, value int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil && n > 0 {
		return n
	}
	return value
}

// TestForcedSwitches takes paths away in the middle of numbered messages both ways, in
// virtual time: real clients, a real server, links that go silent, stall, are reset or
// come back, processes that are killed. A switch is a break of a path that carried
// messages in that moment. Nothing may be lost, doubled or out of order.
//
// GODWIT_SWITCHES is how many (1,000; 100 with -short or the race detector; on a machine
// that is too slow for them as many as fit into some minutes), GODWIT_SEED which schedule to begin with: round i of a
// run has the seed GODWIT_SEED+i. The schedule of breaks is the same for a seed; what
// goroutines make of it is not.
func TestForcedSwitches(t *testing.T) {
	want := 1000
	if racing || testing.Short() {
		want = 100
	}
	limit := enough
	if os.Getenv("GODWIT_SWITCHES") != "" {
		want, limit = setting("GODWIT_SWITCHES", want), 24*time.Hour
	}
	seed := uint64(setting("GODWIT_SEED", 1))
	c := newTally()
	begun := time.Now()
	defer func() {
		t.Logf("seed %d: %v", seed, c)
		t.Logf("by kind of break:%s", c.byKind())
	}()
	for round := uint64(0); c.switches < want && !t.Failed(); round++ {
		if time.Since(begun) > limit {
			t.Logf("%d switches of %d: the machine is too busy for more", c.switches, want)
			break
		}
		synctest.Test(t, func(t *testing.T) {
			since := time.Now()
			switchingRound(t, seed+round, c)
			c.virtual += time.Since(since)
		})
		if t.Failed() {
			t.Errorf("in the round with seed %d", seed+round)
		}
		if os.Getenv("GODWIT_PROGRESS") != "" {
			fmt.Printf("%v: seed %d: %v\n", time.Since(begun).Round(time.Second), seed+round, c)
		}
	}
	lost := c.lost()
	for _, k := range []path.Kind{path.Direct, path.Relay, path.Server} {
		if all := c.messages[path.Direct] + c.messages[path.Relay] + c.messages[path.Server]; c.messages[k] < all/10 {
			t.Errorf("%s carried only %d of %d messages", k, c.messages[k], all)
		}
		if lost[k] < c.switches/10 {
			t.Errorf("%s was taken away only %d times", k, lost[k])
		}
	}
}

// switchingRound is one server and some pairs, from the first sign-in to the last check.
func switchingRound(t *testing.T, seed uint64, c *tally) {
	w := newRoamingWorld(t)
	if os.Getenv("GODWIT_TEST_LOG") == "" {
		w.log = slog.New(slog.NewTextHandler(io.Discard, nil)) // a killed server complains
		w.config.Log = w.log
	}
	h := &house{w: w, disk: w.config.Store.Commits, life: &mortal{}}
	if !h.kill(false, 0) { // the first one is built without
		t.Fatal("no server")
	}
	h.kills.Wait()
	names := []string{"alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"}
	for _, name := range names[2:] {
		if err := w.config.Store.CreateAccount(context.Background(), store.Account{JID: jid.MustParse(name + "@localhost"), Created: time.Now()}, password); err != nil {
			t.Fatal(err)
		}
	}
	var pairs []*pair
	t.Cleanup(func() { // when the clients are gone: what they let go of in silence has no other end
		for _, q := range pairs {
			q.air.tear()
		}
		for _, u := range h.uplinks {
			u.end()
		}
	})
	for i := range uint64(pairCount) {
		q := &pair{house: h, air: newAir(), r: rand.New(rand.NewPCG(seed, i))}
		q.air.delay, q.air.weather = oneWay, weather(seed<<8+i)
		q.a, q.b = q.enter(names[2*i], seed<<8+100+i), q.enter(names[2*i+1], seed<<8+200+i)
		befriend(q.a.p, q.b.p)
		pairs = append(pairs, q)
	}
	var all sync.WaitGroup
	for _, q := range pairs {
		all.Go(func() { q.run(t, c) })
	}
	all.Wait()
	h.kills.Wait()
	for range 20 { // what was confirmed last is cleared away, deposits go out
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if !slices.ContainsFunc(pairs, func(q *pair) bool { return q.a.left() > 0 || q.b.left() > 0 }) {
			break
		}
	}
	for _, q := range pairs {
		q.check(t)
		for _, s := range []*half{q.a, q.b} {
			for k, n := range s.by {
				c.messages[k] += n
			}
		}
	}
}

// run is the talk of a pair with its breaks.
func (q *pair) run(t *testing.T, c *tally) {
	for done := 0; done < perPair() && !t.Failed(); {
		q.want(sky(q.r.IntN(3)), c)
		for range q.calm() {
			q.talk(beat)
		}
		q.look()
		carrying := [2]client.RouteChanged{q.a.route, q.b.route}
		first := [2]int{q.a.sent, q.b.sent}
		before := [2]int{len(q.b.got), len(q.a.got)}
		begun := time.Now()
		name, hits := q.strike()
		var took []path.Kind
		for _, x := range hits {
			for i, s := range []*half{q.a, q.b} {
				now := half{route: carrying[i]}
				if now.uses(x.kind) && (x.kind != path.Server || x.who == nil || x.who == s || q.other(s).uses(path.Server)) && !slices.Contains(took, x.kind) {
					took = append(took, x.kind)
				}
			}
		}
		c.broke(name, took)
		if len(took) > 0 {
			done++
		}
		arrived := [2]bool{}
		for n := 0; !arrived[0] || !arrived[1] || n < 4; n++ {
			q.talk(beat)
			for i, s := range []*half{q.b, q.a} {
				if arrived[i] {
					continue
				}
				for k := before[i]; k < len(s.got); k++ {
					if s.got[k] >= first[i] {
						arrived[i] = true
						c.delivered(name, len(took) > 0, s.when[k].Sub(begun))
						break
					}
				}
			}
			if time.Since(begun) > giveUp {
				t.Errorf("%s and %s: nothing arrives any more %v after %q (%v of %v and %v): %s\n%s", q.a.name, q.b.name, giveUp, name, arrived, carrying[0], carrying[1],
					tail(q.a.p.told()), tail(q.b.p.told()))
				return
			}
		}
	}
	q.sky = skyDirect
	q.air.state(false, false)
}

// calm is how many beats a pair talks on the path that is wanted. Links get more, since
// the server carries after most breaks.
func (q *pair) calm() int {
	if q.sky == skyNone {
		return q.r.IntN(5)
	}
	return 20 + q.r.IntN(50)
}

func tail(s string) string { return s[max(0, len(s)-4000):] }

// strike deals one break at random, most often one of what carries.
func (q *pair) strike() (string, []hit) {
	for {
		b := blows[q.r.IntN(len(blows))]
		hard := q.r.IntN(8) > 0
		if hard && !q.worth(b.name) {
			continue
		}
		if hits := b.deal(q); hits != nil {
			return b.name, hits
		}
	}
}

// worth reports whether a break of this name takes away something that carries.
func (q *pair) worth(name string) bool {
	server := q.a.uses(path.Server) || q.b.uses(path.Server)
	link := q.a.uses(path.Direct) || q.b.uses(path.Direct) || q.a.uses(path.Relay) || q.b.uses(path.Relay)
	switch {
	case strings.Contains(name, "server"):
		return server
	case strings.Contains(name, "network"), strings.Contains(name, "peer"):
		return true
	}
	return link
}

// want makes one kind of path the best there is, takes away better ones, and waits
// until both sides use it.
func (q *pair) want(next sky, c *tally) {
	was := q.sky
	q.sky = next
	q.air.state(next == skyNone, next == skyRelay)
	switch {
	case next == skyNone:
		q.air.forget()
	case next == skyRelay:
		q.air.each(false, (*cable).sever)
	case was == skyRelay && q.r.IntN(2) == 0:
		q.air.improve(q.r.IntN(2) == 0)
	}
	begun := time.Now()
	for time.Since(begun) < settling {
		q.talk(slow)
		if k := next.kind(); q.a.uses(k) && q.b.uses(k) && q.a.route.Mode != path.DoubledUp && q.b.route.Mode != path.DoubledUp {
			return
		}
	}
	c.mu.Lock()
	c.unwanted++
	c.mu.Unlock()
}

// talk lets both sides say one number each, and waits.
func (q *pair) talk(pause time.Duration) {
	for _, s := range []*half{q.a, q.b} {
		body := strconv.Itoa(s.sent)
		s.sent++
		if _, err := s.p.c.Send(context.Background(), client.Outgoing{To: q.other(s).p.jid, Body: body, ID: s.name + body}); err != nil {
			s.faults = append(s.faults, fmt.Sprintf("message %s: %v", body, err))
		}
	}
	time.Sleep(pause/2 + time.Duration(q.r.Int64N(int64(pause))))
	q.look()
}

func (q *pair) look() {
	q.a.look(q.b)
	q.b.look(q.a)
}

// left is what a side still holds for somebody.
func (s *half) left() int {
	out, err := s.p.cache.Outbox(context.Background(), 0)
	put, err2 := s.p.cache.Deposits(context.Background(), 10)
	if err != nil || err2 != nil {
		return 1
	}
	return len(out) + len(put)
}

// history is what a side has of the chat, in the order in which it was kept.
func (s *half) history(t *testing.T, with jid.JID) (in []int, undelivered int) {
	var kept []cache.Message
	for at := (cache.Cursor{}); ; {
		page, more, err := s.p.cache.Messages(context.Background(), cache.HistoryQuery{Chat: with, After: at, Forward: true})
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, page...)
		if !more {
			break
		}
		at = page[len(page)-1].Place()
	}
	slices.SortFunc(kept, func(a, b cache.Message) int { return int(a.ID - b.ID) })
	for _, m := range kept {
		switch {
		case m.Direction == cache.In:
			in = append(in, number(m.Body))
		case m.State != cache.StateDelivered:
			undelivered++
		}
	}
	return in, undelivered
}

// check is what must hold at the end: everything is there, once and in order, and its
// sender knows.
func (q *pair) check(t *testing.T) {
	q.look()
	for _, s := range []*half{q.a, q.b} {
		from := q.other(s)
		in, undelivered := s.history(t, from.p.jid)
		if fault := faultIn(in, from.sent, true); fault != "" {
			t.Errorf("%s has of %s's %d messages: %s", s.name, from.name, from.sent, fault)
		}
		if fault := faultIn(s.got, from.sent, false); fault != "" {
			t.Errorf("%s was told of %s's %d messages: %s", s.name, from.name, from.sent, fault)
		}
		if undelivered > 0 {
			t.Errorf("%s was not told that %d messages arrived", s.name, undelivered)
		}
		if s.failed > 0 || s.left() > 0 || len(s.faults) > 0 {
			t.Errorf("%s: %d messages failed, %d wait; %q", s.name, s.failed, s.left(), s.faults)
		}
	}
}

// faultIn says what is wrong with the numbers from 0 on: each once, rising, and all of
// them if whole.
func faultIn(got []int, sent int, whole bool) string {
	seen, last := map[int]bool{}, -1
	lost, doubled, late := 0, 0, 0
	for _, n := range got {
		switch {
		case seen[n]:
			doubled++
		case n < last:
			late++
		}
		seen[n], last = true, max(last, n)
	}
	if whole {
		lost = sent - len(seen)
	}
	if lost+doubled+late == 0 {
		return ""
	}
	return fmt.Sprintf("%d lost, %d doubled, %d out of order", lost, doubled, late)
}
