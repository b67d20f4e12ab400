package portmap

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// removeTime bounds the removal of mappings when a Mapper is closed, or leaves a
// router.
const removeTime = time.Second

const routersTime = 5 * time.Second

// Mapper keeps one UDP port mapped on the routers there are. Its goroutine owns
// the slots, one for each router; each slot's goroutine owns the mapping there.
// The list of mappings is leaf data under mu. Safe for concurrent use.
type Mapper struct {
	config  Config
	wire    *wire
	cancel  context.CancelFunc
	changed chan struct{} // the network has; holds one
	updates chan update
	done    chan struct{}
	counts  counts

	mu      sync.Mutex
	current []Mapping
}

// counts are those of Stats.
type counts struct {
	ignored, made, renewed, failed, forgot, panics atomic.Int64
}

// Stats counts what happened since New.
type Stats struct {
	Made, Renewed int64 // mappings
	Failed        int64 // times that a router gave no mapping by any protocol
	Forgot        int64 // times that a router had lost its mappings
	Ignored       int64 // packets that were no answer to a question, or not from where they should come
	Panics        int64 // faults of ours, which end one attempt
}

// update is what a slot tells the mapper; nil when it holds nothing.
type update struct {
	slot    *slot
	mapping *Mapping
}

// New starts to map. It returns at once; Config.Changed tells the outcome.
func New(config Config) (*Mapper, error) {
	config, err := config.withDefaults()
	if err != nil {
		return nil, err
	}
	m := &Mapper{config: config, changed: make(chan struct{}, 1), updates: make(chan update), done: make(chan struct{})}
	m.wire = &wire{sockets: config.Sockets, log: config.Logger, name: config.Name, ignored: &m.counts.ignored}
	ctx, cancel := context.WithCancel(context.Background())
	m.cancel = cancel
	go m.run(ctx)
	return m, nil
}

// NetworkChanged makes the mappings anew: the routers may be others.
func (m *Mapper) NetworkChanged() {
	select {
	case m.changed <- struct{}{}:
	default: // it will be looked at anyway
	}
}

// Mappings lists what holds now, as Config.Changed was told last.
func (m *Mapper) Mappings() []Mapping {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.current)
}

// Stats counts.
func (m *Mapper) Stats() Stats {
	c := &m.counts
	return Stats{
		Made: c.made.Load(), Renewed: c.renewed.Load(), Failed: c.failed.Load(), Forgot: c.forgot.Load(),
		Ignored: c.ignored.Load(), Panics: c.panics.Load(),
	}
}

// Close removes the mappings and returns when all goroutines are gone, after
// about a second at most: a router that does not answer by then forgets by
// itself, when the lifetime is over.
func (m *Mapper) Close() {
	m.cancel()
	<-m.done
}

func (m *Mapper) run(ctx context.Context) {
	defer close(m.done)
	slots := make(map[Router]*slot)
	held := make(map[*slot]Mapping)
	var running sync.WaitGroup
	m.reconcile(ctx, slots, held, &running)
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-m.changed:
			m.reconcile(ctx, slots, held, &running)
		case u := <-m.updates:
			if slots[u.slot.router] != u.slot {
				continue // of a router that was left
			}
			delete(held, u.slot)
			if u.mapping != nil {
				held[u.slot] = *u.mapping
			}
			m.publish(held)
		}
	}
	// The slots end with ctx. They may still have something to say until then.
	gone := make(chan struct{})
	go func() {
		running.Wait()
		close(gone)
	}()
	for {
		select {
		case <-m.updates:
		case <-gone:
			return
		}
	}
}

// reconcile leaves routers that are gone, begins with new ones and asks those
// that stayed again: the same address may be another router.
func (m *Mapper) reconcile(ctx context.Context, slots map[Router]*slot, held map[*slot]Mapping, running *sync.WaitGroup) {
	bound, cancel := context.WithTimeout(ctx, routersTime)
	routers, err := m.config.Routers(bound)
	cancel()
	if err != nil {
		if ctx.Err() == nil {
			m.config.Logger.Warn("portmap: finding the routers", "error", err)
		}
		return
	}
	wanted := make(map[Router]bool)
	for _, r := range routers {
		if err := r.check(); err != nil {
			m.config.Logger.Debug("portmap: a router that can not be asked", "error", err)
			continue
		}
		if len(wanted) < maxRouters {
			wanted[r] = true
		}
	}
	for r, s := range slots {
		if !wanted[r] {
			s.cancel()
			delete(slots, r)
			delete(held, s)
		}
	}
	for r := range wanted {
		if s, ok := slots[r]; ok {
			s.again()
			continue
		}
		s := newSlot(ctx, m, r)
		slots[r] = s
		running.Go(s.run)
	}
	m.publish(held)
}

const maxRouters = 4

// publish tells what holds, if that is news.
func (m *Mapper) publish(held map[*slot]Mapping) {
	var list []Mapping
	for _, mapping := range held {
		list = append(list, mapping)
	}
	slices.SortFunc(list, func(a, b Mapping) int {
		return cmp.Or(
			-compareBool(a.Public(), b.Public()),
			-compareBool(a.External.Addr().Is4(), b.External.Addr().Is4()),
			cmp.Compare(rank(a.Protocol), rank(b.Protocol)),
			a.External.Compare(b.External))
	})
	m.mu.Lock()
	same := slices.EqualFunc(m.current, list, func(a, b Mapping) bool {
		return a.Router == b.Router && a.Protocol == b.Protocol && a.External == b.External
	})
	m.current = list
	m.mu.Unlock()
	if !same {
		m.config.Changed(slices.Clone(list))
	}
}

func rank(p Protocol) int { return slices.Index([]Protocol{PCP, NATPMP, UPnP}, p) }

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}
