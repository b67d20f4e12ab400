package portmap

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// puppet is a protocol under the test's hand.
type puppet struct {
	name Protocol

	mu     sync.Mutex
	script []reply // what comes next; the last stays
	asked  []wish
	gone   []netip.AddrPort // removed
	finds  error
}

type reply struct {
	grant grant
	err   error
	after time.Duration
	panic bool
}

func (p *puppet) protocol() Protocol { return p.name }

func (p *puppet) find(context.Context) (netip.Addr, error) { return outside, p.finds }

func (p *puppet) add(ctx context.Context, w wish) (grant, error) {
	p.mu.Lock()
	p.asked = append(p.asked, w)
	r := p.script[0]
	if len(p.script) > 1 {
		p.script = p.script[1:]
	}
	p.mu.Unlock()
	if r.panic {
		panic("no such device")
	}
	select {
	case <-time.After(r.after):
		return r.grant, r.err
	case <-ctx.Done():
		return grant{}, ctx.Err()
	}
}

func (p *puppet) remove(ctx context.Context, _ uint16, external netip.AddrPort) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = append(p.gone, external)
	return nil
}

func (p *puppet) requests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.asked)
}

func at(port uint16) netip.AddrPort { return netip.AddrPortFrom(outside, port) }

func given(port uint16, life time.Duration) reply { return reply{grant: grant{at(port), life, false}} }

var refused = reply{err: &Refusal{Protocol: PCP, Code: 8, Wait: 10 * time.Minute}}

// play runs a mapper with puppets on one router, or on none while routers is nil.
func play(t *testing.T, routers func() []Router, puppets ...*puppet) (*Mapper, func() []Mapping) {
	t.Helper()
	var mu sync.Mutex
	var last []Mapping
	m, err := New(Config{
		Port:    inside,
		Routers: func(context.Context) ([]Router, error) { return routers(), nil },
		Changed: func(list []Mapping) {
			mu.Lock()
			defer mu.Unlock()
			last = list
		},
		methods: func(*wire, Router) []method {
			var list []method
			for _, p := range puppets {
				list = append(list, p)
			}
			return list
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return m, func() []Mapping {
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		return last
	}
}

func one() []Router { return []Router{gateway} }

func TestRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &puppet{name: PCP, script: []reply{given(1, time.Hour), given(1, time.Hour), given(2, time.Hour)}}
		p.script[2].grant.forgot = true
		m, now := play(t, one, p)
		if list := now(); len(list) != 1 || list[0].External != at(1) || p.requests() != 1 {
			t.Fatalf("%v", list)
		}
		time.Sleep(26 * time.Minute)
		if now(); p.requests() != 1 {
			t.Error("renewed before half of the lifetime")
		}
		time.Sleep(8 * time.Minute)
		if now(); p.requests() != 2 {
			t.Error("not renewed at half of the lifetime")
		}
		time.Sleep(34 * time.Minute)
		if list := now(); len(list) != 1 || list[0].External != at(2) {
			t.Errorf("the router gave another port, told %v", list)
		}
		if s := m.Stats(); s.Made != 1 || s.Renewed != 2 || s.Forgot != 1 {
			t.Errorf("%+v", s)
		}
		m.Close()
		if p.asked[1].external != at(1) {
			t.Errorf("asked for %v, not for what it had", p.asked[1].external)
		}
		if !slices.Equal(p.gone, []netip.AddrPort{at(2)}) {
			t.Errorf("removed %v", p.gone)
		}
	})
}

func TestRouterStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := reply{err: ErrNoAnswer, after: 3 * time.Second}
		p := &puppet{name: PCP, script: []reply{given(1, 2*time.Minute), silent}}
		m, now := play(t, one, p)
		time.Sleep(80 * time.Second)
		if list := now(); len(list) != 1 {
			t.Errorf("believed gone before its lifetime was over: %v", list)
		}
		time.Sleep(time.Minute)
		if list := now(); len(list) != 0 {
			t.Errorf("still told: %v", list)
		}
		before := p.requests()
		time.Sleep(24 * time.Hour)
		if n := p.requests() - before; n < 40 || n > 70 {
			t.Errorf("%d requests in a day to a router that does not answer", n)
		}
		m.Close()
	})
}

func TestRace(t *testing.T) {
	for name, c := range map[string]struct {
		pcp, pmp, upnp *puppet
		first, then    Protocol
		asked          [3]int
		removed        [3]int // before the end
	}{
		"all would": {
			&puppet{script: []reply{given(1, time.Hour)}}, &puppet{script: []reply{given(2, time.Hour)}}, &puppet{script: []reply{given(3, time.Hour)}},
			PCP, PCP, [3]int{1, 0, 0}, [3]int{}},
		"PCP refuses": {
			&puppet{script: []reply{refused}}, &puppet{script: []reply{given(2, time.Hour)}}, &puppet{script: []reply{given(3, time.Hour)}},
			NATPMP, NATPMP, [3]int{1, 1, 0}, [3]int{}},
		"only UPnP": {
			&puppet{script: []reply{refused}}, &puppet{finds: ErrNoAnswer}, &puppet{script: []reply{given(3, 0)}},
			UPnP, UPnP, [3]int{1, 0, 1}, [3]int{}},
		"PCP comes late, with another port": {
			&puppet{script: []reply{{grant: grant{at(1), time.Hour, false}, after: 400 * time.Millisecond}, given(1, time.Hour)}}, &puppet{script: []reply{given(2, time.Hour)}}, &puppet{finds: ErrNoAnswer},
			NATPMP, PCP, [3]int{2, 1, 0}, [3]int{0, 1, 0}},
		"PCP comes late, with the same port": {
			&puppet{script: []reply{{grant: grant{at(2), time.Hour, false}, after: 400 * time.Millisecond}}}, &puppet{script: []reply{given(2, time.Hour)}}, &puppet{finds: ErrNoAnswer},
			NATPMP, PCP, [3]int{1, 1, 0}, [3]int{}},
		"UPnP comes after PCP": {
			&puppet{script: []reply{{grant: grant{at(1), time.Hour, false}, after: 600 * time.Millisecond}, given(1, time.Hour)}}, &puppet{finds: ErrNoAnswer},
			&puppet{script: []reply{{grant: grant{at(3), 0, false}, after: time.Second}}},
			PCP, PCP, [3]int{2, 0, 1}, [3]int{0, 0, 1}},
		"a fault of ours": {
			&puppet{script: []reply{{panic: true}}}, &puppet{script: []reply{given(2, time.Hour)}}, &puppet{finds: ErrNoAnswer},
			NATPMP, NATPMP, [3]int{1, 1, 0}, [3]int{}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				list := []*puppet{c.pcp, c.pmp, c.upnp}
				for i, p := range []Protocol{PCP, NATPMP, UPnP} {
					list[i].name = p
				}
				m, now := play(t, one, list...)
				var got []Mapping
				for len(got) == 0 {
					time.Sleep(time.Millisecond)
					got = now()
				}
				if got[0].Protocol != c.first {
					t.Errorf("first %v", got)
				}
				time.Sleep(10 * time.Second)
				if got = now(); len(got) != 1 || got[0].Protocol != c.then {
					t.Errorf("then %v", got)
				}
				for i, p := range list {
					if p.requests() != c.asked[i] || len(p.gone) != c.removed[i] {
						t.Errorf("%s: asked %d times, removed %v", p.name, p.requests(), p.gone)
					}
				}
				m.Close()
				if s := m.Stats(); (s.Panics > 0) != (name == "a fault of ours") {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

func TestNetworkChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &puppet{name: PCP, script: []reply{given(1, time.Hour)}}
		var mu sync.Mutex
		here := one()
		set := func(list []Router) {
			mu.Lock()
			defer mu.Unlock()
			here = list
		}
		m, now := play(t, func() []Router {
			mu.Lock()
			defer mu.Unlock()
			return here
		}, p)
		if list := now(); len(list) != 1 {
			t.Fatalf("%v", list)
		}
		m.NetworkChanged()
		if list := now(); len(list) != 1 || p.requests() != 2 || len(p.gone) != 0 {
			t.Errorf("the same router: %v, asked %d times, removed %v", list, p.requests(), p.gone)
		}
		set(nil)
		m.NetworkChanged()
		if list := now(); len(list) != 0 || len(p.gone) != 1 {
			t.Errorf("no network: %v, removed %v", list, p.gone)
		}
		other := gateway
		other.Gateway = netip.MustParseAddr("192.168.1.9")
		set([]Router{other, {}})
		m.NetworkChanged()
		if list := now(); len(list) != 1 || list[0].Router != other {
			t.Errorf("another router: %v", list)
		}
		m.Close()
		if got := m.Mappings(); len(got) != 1 { // as told last
			t.Errorf("%v", got)
		}
	})
}

// TestCloseIsBounded: a router that does not answer does not hold the exit up.
func TestCloseIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &deaf{puppet: &puppet{name: PCP, script: []reply{given(1, time.Hour)}}}
		m, err := New(Config{Port: inside, Routers: func(context.Context) ([]Router, error) { return one(), nil },
			methods: func(*wire, Router) []method { return []method{p} }})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		began := time.Now()
		m.Close()
		if took := time.Since(began); took != removeTime {
			t.Errorf("took %v", took)
		}
	})
}

// deaf does not answer when a mapping is to be removed.
type deaf struct{ *puppet }

func (d *deaf) remove(ctx context.Context, _ uint16, _ netip.AddrPort) error {
	<-ctx.Done()
	return errors.New("no answer")
}
