package portmap

import (
	"context"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"
)

// Answer is what one router said to one protocol.
type Answer struct {
	Router   Router
	Protocol Protocol
	// External is the router's outside address, where the protocol tells it
	// without making a mapping; PCP does not.
	External netip.Addr
	// Err is nil when the router speaks the protocol. ErrNoAnswer, a *Refusal and
	// ErrLie say how it does not.
	Err error
	// Took is the time to the answer.
	Took time.Duration
}

// Behind tells whether the router is known to be itself behind a NAT: its
// outside address is not one of the internet.
func (a Answer) Behind() bool { return a.External.IsValid() && !public(a.External) }

// Probe asks routers by every protocol at once which they speak, and makes no
// mapping. It takes until the slowest has answered or been given up, about 4 s
// if nothing answers; the end of ctx gives up the rest. Answers come in the order
// of routers, best protocol first. sockets and logger may be nil.
func Probe(ctx context.Context, routers []Router, sockets Sockets, logger *slog.Logger) []Answer {
	if sockets == nil {
		sockets = system{}
	}
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	w := &wire{sockets: sockets, log: logger, ignored: new(atomic.Int64)}
	var answers []*Answer
	done := make(chan struct{})
	for _, r := range routers {
		if err := r.check(); err != nil {
			logger.Debug("portmap: a router that can not be asked", "error", err)
			continue
		}
		for _, m := range methodsFor(w, r) {
			a := &Answer{Router: r, Protocol: m.protocol()}
			answers = append(answers, a)
			go func() {
				defer func() { done <- struct{}{} }()
				begin := time.Now()
				a.Err = contained(func() (err error) {
					a.External, err = m.find(ctx)
					return err
				}, func(v any) { logger.Error("portmap: panic", "value", v) })
				a.Took = time.Since(begin)
			}()
		}
	}
	list := make([]Answer, 0, len(answers))
	for range answers {
		<-done
	}
	for _, a := range answers {
		list = append(list, *a)
	}
	return list
}
