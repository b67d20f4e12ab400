package portmap

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"
)

// wire is what all methods talk over.
type wire struct {
	sockets Sockets
	log     *slog.Logger
	name    string
	ignored *atomic.Int64
}

// wish is what is asked of a router.
type wish struct {
	port     uint16         // of this machine
	external netip.AddrPort // had before, or unspecified; the router is free to give another
	lifetime time.Duration
}

// grant is what it gave.
type grant struct {
	external netip.AddrPort
	lifetime time.Duration // 0: until removed
	forgot   bool          // the router has lost its state since it was asked last
}

// method is one protocol with one router. It belongs to the slot, which makes
// one call at a time.
type method interface {
	protocol() Protocol
	// find looks whether the router speaks it, without changing anything there,
	// and gives its outside address where the protocol tells that.
	find(ctx context.Context) (netip.Addr, error)
	// add makes or renews the mapping.
	add(ctx context.Context, w wish) (grant, error)
	// remove ends it.
	remove(ctx context.Context, port uint16, external netip.AddrPort) error
}

// methodsFor lists what can be asked of a router, best first.
func methodsFor(w *wire, r Router) []method {
	list := []method{newPCP(w, r)}
	if r.Gateway.Is4() {
		list = append(list, &natPMP{wire: w, router: r}, &upnp{wire: w, router: r})
	}
	return list
}

// unspecified is the router's family without an address.
func unspecified(r Router) netip.Addr {
	if r.Gateway.Is4() {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// checkGrant refuses what cannot be.
func checkGrant(r Router, g grant) error {
	a := g.external.Addr()
	switch {
	case g.external.Port() == 0:
		return fmt.Errorf("%w: port 0", ErrLie)
	case a.Is4() != r.Gateway.Is4():
		return fmt.Errorf("%w: an address of the other family, %v", ErrLie, a)
	case !possible(a):
		return fmt.Errorf("%w: address %v", ErrLie, a)
	}
	return nil
}

// pcp is the Port Control Protocol.
type pcp struct {
	*wire
	router Router
	nonce  nonce // the same for every request about the mapping (RFC 6887 §11.2)
	epoch  epoch
}

func newPCP(w *wire, r Router) *pcp {
	p := &pcp{wire: w, router: r}
	_, _ = rand.Read(p.nonce[:]) // never fails
	return p
}

func (p *pcp) protocol() Protocol { return PCP }

// find sends ANNOUNCE (RFC 6887 §14.1), which asks for nothing.
func (p *pcp) find(ctx context.Context) (netip.Addr, error) {
	return netip.Addr{}, p.exchange(ctx, p.router, pcpRequest(pcpAnnounce, 0, p.router.Local), func(b []byte) (bool, error) {
		a, err := parsePCP(b)
		switch {
		case err != nil:
			return false, err
		case a.result != 0:
			return true, p.refusal(a)
		case a.opcode != pcpAnnounce:
			return false, errStrange
		}
		return true, nil
	})
}

func (p *pcp) add(ctx context.Context, w wish) (grant, error) {
	a, err := p.call(ctx, w)
	if err != nil {
		return grant{}, err
	}
	g := grant{external: a.external, lifetime: a.lifetime, forgot: !p.epoch.advance(a.epoch, time.Now())}
	if g.lifetime == 0 {
		return grant{}, fmt.Errorf("%w: no lifetime", ErrLie)
	}
	return g, checkGrant(p.router, g)
}

func (p *pcp) remove(ctx context.Context, port uint16, _ netip.AddrPort) error {
	_, err := p.call(ctx, wish{port: port})
	return err
}

func (p *pcp) call(ctx context.Context, w wish) (pcpAnswer, error) {
	suggested := w.external
	if !suggested.IsValid() {
		suggested = netip.AddrPortFrom(unspecified(p.router), 0)
	}
	var answer pcpAnswer
	packet := pcpMapRequest(p.nonce, w.lifetime, p.router.Local, w.port, suggested)
	err := p.exchange(ctx, p.router, packet, func(b []byte) (bool, error) {
		a, err := parsePCP(b)
		switch {
		case err != nil:
			return false, err
		case a.result == 1: // such an answer need not know the nonce
			return true, p.refusal(a)
		case a.opcode != pcpMap || a.nonce != p.nonce || a.port != w.port:
			return false, errStrange
		case a.result != 0:
			return true, p.refusal(a)
		}
		answer = a
		return true, nil
	})
	return answer, err
}

func (p *pcp) refusal(a pcpAnswer) error {
	return &Refusal{Protocol: PCP, Code: a.result, Reason: reason(pcpReasons, a.result), Wait: min(a.lifetime, maxWait)}
}

// natPMP is the NAT Port Mapping Protocol.
type natPMP struct {
	*wire
	router  Router
	epoch   epoch
	address netip.Addr // outside
}

func (p *natPMP) protocol() Protocol { return NATPMP }

func (p *natPMP) find(ctx context.Context) (netip.Addr, error) {
	a, err := p.call(ctx, pmpExternalRequest(), func(a pmpAnswer) bool { return a.opcode == pmpExternal })
	if err != nil {
		return netip.Addr{}, err
	}
	if !possible(a.address) {
		return netip.Addr{}, fmt.Errorf("%w: address %v", ErrLie, a.address)
	}
	p.address = a.address
	return a.address, nil
}

func (p *natPMP) add(ctx context.Context, w wish) (grant, error) {
	// The address may have changed since; a mapping is worth nothing without it.
	if _, err := p.find(ctx); err != nil {
		return grant{}, err
	}
	a, err := p.call(ctx, pmpMapRequest(w.lifetime, w.port, w.external.Port()), func(a pmpAnswer) bool {
		return a.opcode == pmpMapUDP && a.port == w.port
	})
	if err != nil {
		return grant{}, err
	}
	g := grant{external: netip.AddrPortFrom(p.address, a.external), lifetime: a.lifetime, forgot: !p.epoch.advance(a.epoch, time.Now())}
	if g.lifetime == 0 {
		return grant{}, fmt.Errorf("%w: no lifetime", ErrLie)
	}
	return g, checkGrant(p.router, g)
}

func (p *natPMP) remove(ctx context.Context, port uint16, _ netip.AddrPort) error {
	_, err := p.call(ctx, pmpMapRequest(0, port, 0), func(a pmpAnswer) bool { return a.opcode == pmpMapUDP && a.port == port })
	return err
}

func (p *natPMP) call(ctx context.Context, packet []byte, mine func(pmpAnswer) bool) (pmpAnswer, error) {
	var answer pmpAnswer
	err := p.exchange(ctx, p.router, packet, func(b []byte) (bool, error) {
		a, err := parsePMP(b)
		switch {
		case err != nil:
			return false, err
		case a.result != 0 && (a.opcode == packet[1] || a.result == 1 || a.result == 5):
			return true, &Refusal{Protocol: NATPMP, Code: a.result, Reason: reason(pmpReasons, a.result)}
		case a.result != 0 || !mine(a):
			return false, errStrange
		}
		answer = a
		return true, nil
	})
	return answer, err
}

// waitOf is for how long an error makes it pointless to ask again.
func waitOf(err error) time.Duration {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Wait
	}
	return 0
}
