package portmap

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"runtime/debug"
	"sync"
	"time"
)

const (
	// headStart is what a protocol waits for the better ones before it maps.
	headStart = 250 * time.Millisecond
	// Pauses between attempts with a router that gave nothing.
	firstRetry, lastRetry = time.Minute, 30 * time.Minute
	// maxWait bounds for how long a router can tell us to be quiet.
	maxWait = 30 * time.Minute
	// permanentRenewal is for mappings without a lifetime: a router that was
	// restarted may have lost them all the same.
	permanentRenewal = 20 * time.Minute
)

// slot keeps the port mapped on one router. All but again is its goroutine's.
type slot struct {
	mapper  *Mapper
	router  Router
	methods []method // best first
	ctx     context.Context
	cancel  context.CancelFunc
	refresh chan struct{} // holds one

	held     *holding
	last     netip.AddrPort       // had most recently, wished again
	quiet    map[method]time.Time // until when it is pointless to ask
	failures int
	stray    []method // may have been given a mapping that nobody told us of
}

// holding is a mapping and who made it.
type holding struct {
	method method
	grant  grant
	until  time.Time // zero: until removed
	renew  time.Time
}

// outcome is one method's part in a race.
type outcome struct {
	rank  int
	asked bool // the router may have done it
	grant grant
	err   error
}

func newSlot(ctx context.Context, m *Mapper, r Router) *slot {
	s := &slot{mapper: m, router: r, refresh: make(chan struct{}, 1), quiet: make(map[method]time.Time)}
	s.methods = m.config.methods(m.wire, r)
	s.ctx, s.cancel = context.WithCancel(ctx)
	return s
}

// again asks the router as if it had never been asked. Safe for concurrent use.
func (s *slot) again() {
	select {
	case s.refresh <- struct{}{}:
	default:
	}
}

func (s *slot) run() {
	defer s.leave()
	s.race()
	for {
		timer := time.NewTimer(time.Until(s.next(time.Now())))
		select {
		case <-s.ctx.Done():
			timer.Stop()
			return
		case <-s.refresh:
			timer.Stop()
			clear(s.quiet)
			s.failures = 0
			s.race()
		case <-timer.C:
			if s.held == nil || !s.renew() {
				s.race()
			}
		}
	}
}

// next is when there is something to do.
func (s *slot) next(now time.Time) time.Time {
	if s.held != nil {
		return s.held.renew
	}
	return now.Add(jitter(min(firstRetry<<min(max(s.failures-1, 0), 10), lastRetry)))
}

// renew asks again who gave the mapping.
func (s *slot) renew() bool {
	h := s.held
	var g grant
	err := s.safely(func() (err error) {
		g, err = h.method.add(s.ctx, s.wish())
		return err
	})
	if err != nil {
		s.mapper.config.Logger.Info("portmap: a mapping was not renewed", "router", s.router.Gateway, "protocol", h.method.protocol(), "error", err)
		return false
	}
	s.mapper.counts.renewed.Add(1)
	s.hold(h.method, g)
	return true
}

// wish asks for what was had before, at first for the inside port.
func (s *slot) wish() wish {
	w := wish{port: s.mapper.config.Port, external: s.last, lifetime: s.mapper.config.Lifetime}
	if !w.external.IsValid() {
		w.external = netip.AddrPortFrom(unspecified(s.router), w.port)
	}
	return w
}

// race asks by every protocol at once and takes the first that gives a mapping,
// then a better one if it comes late. It returns when all have ended.
func (s *slot) race() {
	outcomes := make(chan outcome)
	lost := make([]chan struct{}, len(s.methods)) // closed when the method has failed
	hunts := make([]context.CancelFunc, len(s.methods))
	now, want := time.Now(), s.wish()
	for i, m := range s.methods {
		lost[i] = make(chan struct{})
		hunt, cancel := context.WithCancel(s.ctx)
		hunts[i] = cancel
		earlier, muted := lost[:i], now.Before(s.quiet[m])
		go func() { outcomes <- s.attempt(hunt, m, i, earlier, muted, want) }()
	}
	winner := -1
	var errs []error
	for range s.methods {
		o := <-outcomes
		m := s.methods[o.rank]
		switch {
		case o.err != nil:
			close(lost[o.rank])
			if wait := waitOf(o.err); wait > 0 {
				s.quiet[m] = now.Add(wait)
			}
			if o.asked && s.ctx.Err() != nil {
				s.stray = append(s.stray, m)
			}
			errs = append(errs, fmt.Errorf("%s: %w", m.protocol(), o.err))
		case winner >= 0 && winner < o.rank:
			s.discard(m, o.grant)
		default:
			winner = o.rank
			s.take(m, o.grant)
			for _, cancel := range hunts[o.rank+1:] {
				cancel()
			}
		}
	}
	for _, cancel := range hunts {
		cancel()
	}
	if winner < 0 && s.ctx.Err() == nil {
		s.fail(errors.Join(errs...))
	}
}

// attempt is one method's part: it looks whether the router speaks it, waits for
// the better ones to fail or to use up their head start, and maps. The end of
// hunt, a better one having won, ends it as long as nothing was asked.
func (s *slot) attempt(hunt context.Context, m method, rank int, earlier []chan struct{}, muted bool, want wish) outcome {
	o := outcome{rank: rank}
	o.err = s.safely(func() error {
		if muted {
			return errors.New("told to wait")
		}
		start := time.NewTimer(time.Duration(rank) * headStart)
		defer start.Stop()
		if rank > 0 { // the best one just maps: its answer tells all
			if _, err := m.find(hunt); err != nil {
				return err
			}
		}
	wait:
		for _, failed := range earlier {
			select {
			case <-failed:
			case <-start.C:
				break wait
			case <-hunt.Done():
			}
		}
		if hunt.Err() != nil {
			return hunt.Err()
		}
		o.asked = true
		var err error
		o.grant, err = m.add(s.ctx, want)
		return err
	})
	return o
}

// take holds a mapping in place of the one before.
func (s *slot) take(m method, g grant) {
	before := s.held
	s.mapper.counts.made.Add(1)
	s.hold(m, g)
	if before != nil && before.method != m {
		s.discard(before.method, before.grant)
	}
}

// discard removes a mapping beside the one that is held, unless it is the same
// on the router. Where two protocols lead to the same table that may have taken
// ours along, so ours is renewed.
func (s *slot) discard(m method, g grant) {
	if s.held.grant.external == g.external {
		return
	}
	ctx, cancel := context.WithTimeout(s.ctx, removeTime)
	defer cancel()
	if err := s.safely(func() error { return m.remove(ctx, s.mapper.config.Port, g.external) }); err != nil {
		s.mapper.config.Logger.Debug("portmap: removing a mapping that is not needed", "protocol", m.protocol(), "error", err)
	}
	s.renew()
}

// hold remembers what was given and tells it.
func (s *slot) hold(m method, g grant) {
	now := time.Now()
	if g.forgot {
		s.mapper.counts.forgot.Add(1)
		s.mapper.config.Logger.Info("portmap: the router had lost its mappings", "router", s.router.Gateway)
	}
	h := &holding{method: m, grant: g, renew: now.Add(jitter(permanentRenewal))}
	if g.lifetime > 0 {
		life := min(g.lifetime, maxLifetime)
		h.until, h.renew = now.Add(g.lifetime), now.Add(max(jitter(life/2), minRenewal))
	}
	s.held, s.last, s.failures = h, g.external, 0
	s.tell(&Mapping{Router: s.router, Protocol: m.protocol(), External: g.external, Lifetime: g.lifetime})
}

// fail is a race without winner. A mapping that was not renewed still holds until
// its lifetime is over.
func (s *slot) fail(err error) {
	s.failures++
	s.mapper.counts.failed.Add(1)
	s.mapper.config.Logger.Debug("portmap: no mapping", "router", s.router.Gateway, "error", err)
	if s.held == nil {
		return
	}
	now := time.Now()
	if left := s.held.until.Sub(now); s.held.until.IsZero() || left > minRenewal {
		// RFC 6887 §11.2.1: again after half of what is left.
		s.held.renew = now.Add(max(jitter(left/2), minRenewal))
		if s.held.until.IsZero() {
			s.held.renew = now.Add(jitter(firstRetry))
		}
		if s.failures < maxFailures {
			return
		}
	}
	s.held = nil
	s.tell(nil)
}

// maxFailures in a row end the belief in a mapping, whatever its lifetime: the
// router is not there any more, or has become deaf.
const maxFailures = 4

func (s *slot) tell(m *Mapping) { s.mapper.updates <- update{s, m} }

// leave removes what there is, within removeTime.
func (s *slot) leave() {
	s.cancel()
	ctx, cancel := context.WithTimeout(context.Background(), removeTime)
	defer cancel()
	var removing sync.WaitGroup
	remove := func(m method, external netip.AddrPort) {
		removing.Go(func() {
			if err := s.safely(func() error { return m.remove(ctx, s.mapper.config.Port, external) }); err != nil {
				s.mapper.config.Logger.Debug("portmap: a mapping was not removed", "router", s.router.Gateway, "protocol", m.protocol(), "error", err)
			}
		})
	}
	if s.held != nil {
		remove(s.held.method, s.held.grant.external)
	}
	for _, m := range s.stray {
		if s.held == nil || s.held.method != m {
			remove(m, s.wish().external)
		}
	}
	removing.Wait()
}

func (s *slot) safely(f func() error) error {
	return contained(f, func(v any) {
		s.mapper.counts.panics.Add(1)
		s.mapper.config.Logger.Error("portmap: panic", "value", v, "stack", string(debug.Stack()))
	})
}

// contained makes an error of a panic: what routers say is read by libraries too.
func contained(f func() error, report func(any)) (err error) {
	defer func() {
		if v := recover(); v != nil {
			report(v)
			err = errors.New("a fault of this program")
		}
	}()
	return f()
}

// jitter spreads a time by a tenth to both sides, so that the clients of one
// router do not ask all at once.
func jitter(d time.Duration) time.Duration {
	if d <= 0 {
		return d
	}
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	part := float64(binary.BigEndian.Uint64(b[:])>>11) / (1 << 53)
	return time.Duration(float64(d) * (0.9 + 0.2*part))
}
