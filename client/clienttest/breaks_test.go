package clienttest

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"godwit/client"
	"godwit/client/path"
	"godwit/peer"
	"godwit/server"
	"godwit/store"
)

// mortal is a server's store as long as the server lives: what a killed one would
// still write is refused.
type mortal struct {
	store.Committer
	mu   sync.Mutex
	dead bool
}

func (m *mortal) Commit(b store.Batch, done func(store.Result, error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return store.ErrClosed
	}
	return m.Committer.Commit(b, done)
}

func (m *mortal) die() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dead = true
}

// house is the server of a switching world and everybody's lines to it.
type house struct {
	w       *world
	disk    store.Committer // that lasts
	life    *mortal         // of the server there is
	uplinks []*uplink
	mu      sync.Mutex
	killing bool
	kills   sync.WaitGroup
}

func (h *house) born() server.Config {
	h.life = &mortal{Committer: h.disk}
	cfg := h.w.config
	cfg.Store.Commits = h.life
	return cfg
}

// kill ends the server between two instructions and begins another one on the same
// store after a while. Its connections are reset, or silent as after a loss of power.
// It reports false when it is dead already.
func (h *house) kill(silent bool, after time.Duration) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.killing {
		return false
	}
	h.killing = true
	h.life.die()
	h.w.mu.Lock()
	h.w.down = true
	old := h.w.server
	h.w.mu.Unlock()
	for _, u := range h.uplinks {
		if silent {
			u.forget()
		} else {
			u.tear()
		}
	}
	h.kills.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = old.Stop(ctx) // only to take its memory and goroutines back: nobody hears it, and it writes nothing
		time.Sleep(after)
		next, err := server.New(context.Background(), h.born())
		if err != nil {
			h.w.t.Error(err)
			return
		}
		h.w.mu.Lock()
		h.w.server, h.w.down = next, false
		h.w.mu.Unlock()
		h.mu.Lock()
		h.killing = false
		h.mu.Unlock()
	})
	return true
}

// weather is jitter, and now and then a packet that had to be sent again.
func weather(seed uint64) func() time.Duration {
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(seed, 7))
	return func() time.Duration {
		mu.Lock()
		defer mu.Unlock()
		d := time.Duration(r.Int64N(int64(8 * time.Millisecond)))
		if r.IntN(100) == 0 {
			d += 100*time.Millisecond + time.Duration(r.Int64N(int64(250*time.Millisecond)))
		}
		return d
	}
}

// sky is what is possible between the two of a pair.
type sky int

const (
	skyDirect sky = iota
	skyRelay
	skyNone
)

func (s sky) kind() path.Kind { return [...]path.Kind{path.Direct, path.Relay, path.Server}[s] }

// half is one side of a pair.
type half struct {
	name   string
	p      *person
	u      *uplink
	tune   func(*client.Config)
	at     int // events seen of p
	sent   int
	route  client.RouteChanged // the last
	got    []int               // numbers, as told
	when   []time.Time         // each was told
	by     map[path.Kind]int   // messages that came
	failed int
	faults []string
}

// look takes what was told since.
func (s *half) look(from *half) {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	for ; s.at < len(s.p.events); s.at++ {
		switch e := s.p.events[s.at].(type) {
		case client.RouteChanged:
			s.route = e
		case client.Failed:
			s.failed++
		case client.Message:
			if e.From.Bare() == from.p.jid {
				s.got, s.when = append(s.got, number(e.Body)), append(s.when, s.p.times[s.at])
				s.by[e.Path]++
			}
		}
	}
}

// uses reports whether the half's messages go by a kind of path now.
func (s *half) uses(k path.Kind) bool {
	switch s.route.Mode {
	case path.ViaServer:
		return k == path.Server
	case path.ViaLink:
		return k == s.route.Path
	case path.DoubledUp:
		return k == path.Server || k == s.route.Path
	}
	return false
}

// crash ends the process of a half in the middle of everything and begins it again
// with what its cache has.
func (s *half) crash(q *pair) {
	s.u.forget()
	q.air.forget()
	s.p.cancel()
	<-s.p.c.Done()
	time.Sleep(time.Duration(q.r.Int64N(int64(time.Second))))
	s.look(q.other(s))
	s.p, s.at = s.p.w.joinWith(s.name, s.p.cache, s.tune), 0
	s.route = client.RouteChanged{}
}

// blow is one kind of break. It returns what it hit, or nothing when it cannot be
// dealt now.
type blow struct {
	name string
	deal func(q *pair) []hit
}

// hit is a path that a break took away, from whom (nil: from both).
type hit struct {
	kind path.Kind
	who  *half
}

func (q *pair) cutAir(next sky) []hit {
	q.sky = next
	q.air.state(next == skyNone, next == skyRelay)
	q.air.forget()
	return []hit{{path.Direct, nil}, {path.Relay, nil}}
}

func (q *pair) moved(told bool) []hit {
	s := q.any()
	q.cutAir(sky(q.r.IntN(3)))
	s.u.forget()
	if told {
		s.p.c.NetworkChanged()
	}
	return []hit{{path.Direct, nil}, {path.Relay, nil}, {path.Server, s}}
}

var blows = []blow{
	{"direct path cut", func(q *pair) []hit {
		if q.sky != skyDirect {
			return nil
		}
		q.sky = skyRelay + sky(q.r.IntN(2))
		q.air.state(q.sky == skyNone, q.sky == skyRelay)
		q.air.each(false, (*cable).sever)
		return []hit{{path.Direct, nil}}
	}},
	{"direct path forgotten", func(q *pair) []hit {
		if q.sky != skyDirect {
			return nil
		}
		q.air.each(false, (*cable).sever)
		return []hit{{path.Direct, nil}}
	}},
	{"link stalls", func(q *pair) []hit {
		d := 800*time.Millisecond + time.Duration(q.r.Int64N(int64(4*time.Second)))
		stall := func(c *cable) { c.stall(d) }
		q.air.each(false, stall)
		q.air.each(true, stall)
		return []hit{{path.Direct, nil}, {path.Relay, nil}}
	}},
	{"relay lost", func(q *pair) []hit {
		if q.sky != skyRelay {
			return nil
		}
		q.sky = skyNone
		q.air.state(true, false)
		q.air.each(true, (*cable).sever)
		return []hit{{path.Relay, nil}}
	}},
	{"relay restarted", func(q *pair) []hit {
		if q.sky != skyRelay {
			return nil
		}
		q.air.each(true, (*cable).tear)
		return []hit{{path.Relay, nil}}
	}},
	{"direct and relay lost", func(q *pair) []hit { return q.cutAir(skyNone) }},
	{"one server connection silent", func(q *pair) []hit {
		s := q.any()
		s.u.forget()
		return []hit{{path.Server, s}}
	}},
	{"both server connections silent", func(q *pair) []hit {
		q.a.u.forget()
		q.b.u.forget()
		return []hit{{path.Server, nil}}
	}},
	{"server killed", func(q *pair) []hit {
		if !q.house.kill(q.r.IntN(2) == 0, time.Duration(q.r.Int64N(int64(4*time.Second)))) {
			return nil
		}
		return []hit{{path.Server, nil}}
	}},
	{"network changed, told", func(q *pair) []hit { return q.moved(true) }},
	{"network changed, not told", func(q *pair) []hit { return q.moved(false) }},
	{"peer killed", func(q *pair) []hit {
		s := q.any()
		s.crash(q)
		return []hit{{path.Direct, nil}, {path.Relay, nil}, {path.Server, s}}
	}},
}

// pair is two people who talk all the time while their paths break. One goroutine
// owns it.
type pair struct {
	house *house
	air   *air
	r     *rand.Rand
	sky   sky
	a, b  *half
}

func (q *pair) any() *half {
	if q.r.IntN(2) == 0 {
		return q.a
	}
	return q.b
}

func (q *pair) other(s *half) *half {
	if s == q.a {
		return q.b
	}
	return q.a
}

// enter joins one side.
func (q *pair) enter(name string, seed uint64) *half {
	h := q.house
	s := &half{name: name, u: &uplink{w: h.w, delay: oneWay, weather: weather(seed)}, by: map[path.Kind]int{}}
	s.tune = func(c *client.Config) {
		c.Dialer, c.Times, c.Transports = s.u, client.Times{}, []peer.Transport{q.air.transport()}
	}
	h.uplinks = append(h.uplinks, s.u)
	s.p = h.w.join(name, s.tune)
	return s
}
