package tcp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"godwit/link"
)

// defaultStagger is long enough for a server that answers to be alone, and short
// enough that two that do not are not noticed much.
const defaultStagger = time.Second

// rescueAfter is when port 443 has its turn, whoever else still has not
// answered: a network that drops everything else is left within a few seconds.
// Where it was needed the last time it is not waited for so long.
const (
	rescueAfter = 2 * time.Second
	rescueSoon  = 250 * time.Millisecond
)

// past is what a Dialer remembers of the link it made last. It only says when
// port 443 has its turn, so that being wrong costs at most a moment.
type past struct {
	mu      sync.Mutex
	last    *Link
	rescued bool
}

func (p *past) note(l *Link, t target) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last, p.rescued = l, t.rescue
}

// patience is how long port 443 has to wait for its turn. It comes first after
// a link without TLS on which nothing ever came back: something in the network
// may only have pretended to connect, and a TLS handshake proves more.
func (p *past) patience() (wait time.Duration, first bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.last == nil:
		return rescueAfter, false
	case p.last.Kind() == link.TCP && p.last.Quality().BytesIn == 0:
		return rescueAfter, true
	case p.rescued:
		return rescueSoon, false
	}
	return rescueAfter, false
}

// attempt is how one target ended.
type attempt struct {
	target target
	link   *Link
	err    error
}

// runner is one race: who has started, who runs, what they said. It belongs to
// the goroutine of race.
type runner struct {
	dialer *Dialer
	domain string
	ctx    context.Context
	// Those whose turn is to come: first what DNS or the user says, apart from
	// it port 443.
	waiting, rescue []target
	running         int
	results         chan attempt
	errs            []error
}

// race tries the targets, one a while after the other, or at once when one has
// failed (RFC 8305 §5 does the same with the addresses of one host). The first
// to connect wins; whoever is late is closed. What DNS says is first in line
// (XEP-0368); port 443 comes when all of them have had their turn, or after
// rescueAfter.
func (d *Dialer) race(ctx context.Context, targets []target, domain string) (*Link, target, error) {
	ctx, cancel := context.WithCancel(ctx)
	r := &runner{dialer: d, domain: domain, ctx: ctx, results: make(chan attempt, len(targets))}
	for _, t := range targets {
		if t.rescue {
			r.rescue = append(r.rescue, t)
		} else {
			r.waiting = append(r.waiting, t)
		}
	}
	defer r.end(cancel)
	stagger := d.Stagger
	if stagger <= 0 {
		stagger = defaultStagger
	}
	wait, first := d.past.patience()
	next, rescue := time.NewTimer(stagger), time.NewTimer(wait)
	defer next.Stop()
	defer rescue.Stop()
	if !first || !r.start(true) {
		r.start(false)
	}
	for r.running > 0 {
		select {
		case a := <-r.results:
			r.running--
			if a.err == nil {
				return a.link, a.target, nil
			}
			r.errs = append(r.errs, fmt.Errorf("%s: %w", a.target.address(), a.err))
			if ctx.Err() == nil && r.start(false) {
				next.Reset(stagger)
			}
		case <-next.C:
			if r.start(false) {
				next.Reset(stagger)
			}
		case <-rescue.C:
			if r.start(true) {
				rescue.Reset(stagger)
			}
		}
	}
	return nil, target{}, errors.Join(r.errs...)
}

// start lets the next one run: the first that waits, or of port 443 if that has
// its turn or nobody else is left. It reports whether there was one.
func (r *runner) start(rescue bool) bool {
	from := &r.waiting
	if rescue || len(r.waiting) == 0 {
		from = &r.rescue
	}
	if len(*from) == 0 {
		return false
	}
	t := (*from)[0]
	*from = (*from)[1:]
	r.running++
	go func() {
		l, err := r.dialer.try(r.ctx, t, r.domain)
		r.results <- attempt{t, l, err}
	}()
	return true
}

// end stops those who still run and closes what they connected meanwhile.
func (r *runner) end(cancel context.CancelFunc) {
	cancel()
	for ; r.running > 0; r.running-- {
		if a := <-r.results; a.err == nil {
			a.link.Abort()
		}
	}
}
