package allocation

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"godwit/udpmux"
)

// Protocol is how a TURN server is reached.
type Protocol string

// The protocols. TURN over DTLS is not spoken.
const (
	UDP Protocol = "udp"
	TCP Protocol = "tcp"
	TLS Protocol = "tls"
)

// Server is one way to a TURN server, with the credentials it was announced
// with.
type Server struct {
	Host               string // name or address
	Port               uint16
	Protocol           Protocol
	Username, Password string
	Expires            time.Time // of the credentials; zero when not known
}

// Errors of a Pool.
var (
	ErrClosed   = errors.New("allocation: closed")
	ErrNoServer = errors.New("allocation: no TURN server is known")
)

// Timings of a Pool.
const (
	DefaultIdle    = 3 * time.Minute
	ladderTimeout  = 10 * time.Second
	resolveTimeout = 2 * time.Second
	addressTimeout = 2500 * time.Millisecond // for one address, if there is another
	failurePause   = 5 * time.Second         // after nothing worked
	// trustedQuiet is a silence after which one looks whether it is there. Whoever asks for
	// a relay often does because a path died, and the relay may have died with it.
	trustedQuiet    = 500 * time.Millisecond
	verifyTimeout   = 1500 * time.Millisecond
	maxServers      = 6
	stepUDP         = 100 * time.Millisecond
	tcpAfter        = 250 * time.Millisecond
	tlsAfter        = 350 * time.Millisecond
	blockedUDPAfter = time.Second
)

// Config says what a Pool works with.
type Config struct {
	// Mux is the shared socket, over which servers are reached by UDP. Required.
	Mux *udpmux.Mux
	// TLS is whom to trust, as for the connection to the account's server. A
	// ServerName in it is the account's domain. Nil means the system's trust.
	TLS *tls.Config
	// Dial opens TCP connections; nil is the system's way.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Idle is how long an unused allocation is kept; 0 is DefaultIdle.
	Idle time.Duration
	// Logger may be nil.
	Logger *slog.Logger
	// Firewall is udpmux.Config.Firewall for the relayed socket.
	Firewall func(from netip.AddrPort) bool
}

// Pool makes allocations when they are needed. It is safe for concurrent use;
// its state is leaf data under mu.
type Pool struct {
	config  Config
	log     *slog.Logger
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	servers  []Server
	blocked  bool // UDP is known to be
	current  *Relay
	building *building
	failed   time.Time
	failure  error
	learned  map[string]challenge // by server host
}

// challenge is what a server last asked for; it saves a round trip.
type challenge struct{ realm, nonce string }

type building struct{ done chan struct{} }

// New makes a Pool. Close ends it.
func New(config Config) *Pool {
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	if config.Dial == nil {
		config.Dial = (&net.Dialer{}).DialContext
	}
	if config.Idle == 0 {
		config.Idle = DefaultIdle
	}
	p := &Pool{config: config, log: config.Logger, learned: make(map[string]challenge)}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// SetServers says which servers there are, in order of preference within a
// protocol. An allocation that exists is kept.
func (p *Pool) SetServers(servers []Server) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.servers = slices.Clone(servers[:min(len(servers), maxServers)])
	p.failed = time.Time{}
}

// SetBlocked says whether the network is known to let no UDP through.
func (p *Pool) SetBlocked(blocked bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.blocked = blocked
}

// Usable reports whether there is a server to ask.
func (p *Pool) Usable() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.closed && len(p.usable(time.Now())) > 0
}

// usable leaves out servers whose credentials have expired. Called with mu held.
func (p *Pool) usable(now time.Time) []Server {
	var list []Server
	for _, s := range p.servers {
		if s.Expires.IsZero() || now.Before(s.Expires) {
			list = append(list, s)
		}
	}
	return list
}

// Acquire returns the allocation, making it if there is none. It lives at least
// until release is called, unless it is lost (Relay.Done). Concurrent calls share
// one allocation.
func (p *Pool) Acquire(ctx context.Context) (r *Relay, release func(), err error) {
	for {
		p.mu.Lock()
		now := time.Now()
		servers := p.usable(now)
		switch {
		case p.closed:
			p.mu.Unlock()
			return nil, nil, ErrClosed
		case p.current != nil && p.current.alive():
			r, release := p.take()
			p.mu.Unlock()
			return r, release, nil
		case len(servers) == 0:
			p.mu.Unlock()
			return nil, nil, ErrNoServer
		case p.building == nil && now.Sub(p.failed) < failurePause:
			defer p.mu.Unlock()
			return nil, nil, p.failure
		case p.building == nil:
			b := &building{done: make(chan struct{})}
			p.building = b
			steps := plan(servers, p.blocked)
			p.running.Go(func() { p.build(b, steps) })
		}
		b := p.building
		p.mu.Unlock()
		select {
		case <-b.done:
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}

// TryAcquire returns the allocation if there is one already.
func (p *Pool) TryAcquire() (r *Relay, release func(), ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.current == nil || !p.current.alive() {
		return nil, nil, false
	}
	r, release = p.take()
	return r, release, true
}

// take counts one more user of the current allocation. Called with mu held.
func (p *Pool) take() (*Relay, func()) {
	r := p.current
	r.users++
	p.look(r, trustedQuiet)
	var once sync.Once
	return r, func() { once.Do(func() { p.release(r) }) }
}

func (p *Pool) release(r *Relay) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.users--; r.users == 0 {
		p.rest(r)
	}
}

// rest ends the allocation unless somebody needs it soon. Called with mu held.
func (p *Pool) rest(r *Relay) {
	if r.idle != nil {
		r.idle.Stop()
	}
	r.idle = time.AfterFunc(p.config.Idle, func() {
		p.mu.Lock()
		unused := r.users == 0
		if unused && p.current == r {
			p.current = nil
		}
		p.mu.Unlock()
		if unused {
			r.client.end(net.ErrClosed)
		}
	})
}

// NetworkChanged looks at once whether the allocation survived, and forgets
// earlier failures.
func (p *Pool) NetworkChanged() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed = time.Time{}
	if p.current != nil && !p.closed {
		p.look(p.current, 0)
	}
}

// look verifies an allocation whose server has said nothing for a while. Called
// with mu held.
func (p *Pool) look(r *Relay, quiet time.Duration) {
	if r.client.quiet() >= quiet {
		p.running.Go(func() { r.client.verify(verifyTimeout) })
	}
}

// Close gives the allocation back and returns when all goroutines are gone.
func (p *Pool) Close() {
	p.mu.Lock()
	p.closed = true
	r := p.current
	p.mu.Unlock()
	p.cancel()
	if r != nil {
		r.client.end(net.ErrClosed)
	}
	p.running.Wait()
}

// build makes an allocation for everybody who waits.
func (p *Pool) build(b *building, steps []step) {
	ctx, cancel := context.WithTimeout(p.ctx, ladderTimeout)
	defer cancel()
	r, err := p.climb(ctx, steps)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.building = nil
	defer close(b.done)
	if err != nil {
		p.failed, p.failure = time.Now(), err
		p.log.Debug("allocation: no TURN server gave an address", "error", err)
		return
	}
	p.failed = time.Time{}
	p.learned[r.host] = r.challenge()
	if p.closed {
		r.client.end(net.ErrClosed)
	}
	p.current = r
	p.rest(r)
	p.running.Go(func() { p.watch(r) })
}

// watch cleans up after an allocation that has ended.
func (p *Pool) watch(r *Relay) {
	<-r.client.done
	p.mu.Lock()
	if p.current == r {
		p.current = nil
	}
	if r.idle != nil {
		r.idle.Stop()
	}
	p.mu.Unlock()
	_ = r.mux.Close()
	r.client.wait()
}

// step is one server and when it is tried.
type step struct {
	Server
	after time.Duration
}

// plan orders the attempts: UDP at once, because it is the best relay, TCP and
// TLS a moment later, when UDP would have answered on most networks.
func plan(servers []Server, blocked bool) []step {
	first := map[Protocol]time.Duration{UDP: 0, TCP: tcpAfter, TLS: tlsAfter}
	if blocked || !slices.ContainsFunc(servers, func(s Server) bool { return s.Protocol == UDP }) {
		// What was found out may have changed, so UDP is tried all the same.
		first = map[Protocol]time.Duration{TCP: 0, TLS: tlsAfter - tcpAfter, UDP: blockedUDPAfter}
	}
	var steps []step
	seen := make(map[Protocol]time.Duration)
	for _, s := range servers {
		after, known := first[s.Protocol]
		if !known || len(steps) == maxServers {
			continue
		}
		steps = append(steps, step{s, after + seen[s.Protocol]})
		seen[s.Protocol] += stepUDP
	}
	slices.SortStableFunc(steps, func(a, b step) int { return cmp.Compare(a.after, b.after) })
	return steps
}

// climb makes the attempts; the first that succeeds wins. When all that run have
// failed, the next does not wait for its time.
func (p *Pool) climb(ctx context.Context, steps []step) (*Relay, error) {
	ctx, cancel := context.WithCancel(ctx)
	type result struct {
		relay *Relay
		err   error
	}
	results := make(chan result)
	running, next := 0, 0
	defer func() {
		cancel()
		for ; running > 0; running-- { // they end at once now
			if late := <-results; late.relay != nil {
				late.relay.discard()
			}
		}
	}()
	begun := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	var failures error
	for running > 0 || next < len(steps) {
		var due <-chan time.Time
		if next < len(steps) {
			wait := time.Until(begun.Add(steps[next].after))
			if running == 0 {
				wait = 0
			}
			timer.Reset(wait)
			due = timer.C
		}
		select {
		case <-due:
			s := steps[next].Server
			next++
			running++
			p.running.Go(func() {
				relay, err := p.try(ctx, s)
				results <- result{relay, err}
			})
		case r := <-results:
			running--
			if r.err == nil {
				return r.relay, nil
			}
			failures = errors.Join(failures, r.err)
		case <-ctx.Done():
			return nil, errors.Join(failures, ctx.Err())
		}
	}
	return nil, failures
}

// try makes an allocation on one server, at the first of its addresses that
// answers.
func (p *Pool) try(ctx context.Context, s Server) (*Relay, error) {
	addresses, err := resolve(ctx, s.Host)
	if err != nil {
		return nil, fmt.Errorf("allocation: %s: %w", s.Host, err)
	}
	var failures error
	for i, ip := range addresses {
		address := netip.AddrPortFrom(ip, s.Port)
		bounded, cancel := ctx, context.CancelFunc(func() {})
		if i+1 < len(addresses) {
			bounded, cancel = context.WithTimeout(ctx, addressTimeout)
		}
		r, err := p.open(bounded, s, address)
		cancel()
		if err == nil {
			return r, nil
		}
		failures = errors.Join(failures, fmt.Errorf("%s %v: %w", s.Protocol, address, err))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, failures
}

// resolve gives one address of each family, IPv4 first.
func resolve(ctx context.Context, host string) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	all, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	var chosen []netip.Addr
	for _, four := range []bool{true, false} {
		for _, a := range all {
			if a = a.Unmap(); a.Is4() == four {
				chosen = append(chosen, a)
				break
			}
		}
	}
	return chosen, nil
}

// open makes an allocation on one address of a server.
func (p *Pool) open(ctx context.Context, s Server, address netip.AddrPort) (*Relay, error) {
	if s.Protocol == UDP {
		return p.openUDP(ctx, s, address)
	}
	stream, err := p.dial(ctx, s, address)
	if err != nil {
		return nil, err
	}
	w := newStreamWire(stream)
	c := newClient(w, s, address, p.log)
	w.start(c.receive, func() { c.end(ErrLost) })
	return p.allocate(ctx, c, s)
}

func (p *Pool) openUDP(ctx context.Context, s Server, address netip.AddrPort) (*Relay, error) {
	if local := p.config.Mux.LocalAddr().Addr(); !local.IsUnspecified() && local.Is4() != address.Addr().Is4() {
		return nil, errors.New("allocation: not reachable from this socket")
	}
	if _, err := p.config.Mux.LocalFor(address); err != nil {
		return nil, err // no route
	}
	w := &udpWire{mux: p.config.Mux, server: address}
	c := newClient(w, s, address, p.log)
	release, err := p.config.Mux.TURN(address, func(packet []byte, _ netip.AddrPort) { c.receive(packet) })
	if err != nil {
		w.release = func() {}
		c.end(err)
		c.wait()
		return nil, err
	}
	w.release = release
	return p.allocate(ctx, c, s)
}

// allocate asks for the address and opens a socket on it.
func (p *Pool) allocate(ctx context.Context, c *client, s Server) (*Relay, error) {
	p.mu.Lock()
	if known, ok := p.learned[s.Host]; ok && known.realm != "" {
		c.mu.Lock()
		c.remember(known.realm, known.nonce)
		c.mu.Unlock()
	}
	p.mu.Unlock()
	if err := c.allocate(ctx); err != nil {
		c.end(err)
		c.wait()
		return nil, err
	}
	mux, err := udpmux.Over(conn{c}, udpmux.Config{Logger: p.log, Firewall: p.config.Firewall})
	if err != nil {
		return nil, err
	}
	return &Relay{mux: mux, client: c, protocol: s.Protocol, host: s.Host}, nil
}

// Relay is one allocation. Safe for concurrent use.
type Relay struct {
	mux      *udpmux.Mux
	client   *client
	protocol Protocol
	host     string

	users int         // under Pool.mu
	idle  *time.Timer // under Pool.mu
}

// Mux is the allocation as a socket. It closes when the allocation ends, and
// must not be closed by its users.
func (r *Relay) Mux() *udpmux.Mux { return r.mux }

// Address is the relayed transport address (RFC 8656 §2): where peers send to.
func (r *Relay) Address() netip.AddrPort { return r.mux.LocalAddr() }

// Server is the TURN server, and Protocol how it is reached.
func (r *Relay) Server() netip.AddrPort { return r.client.server }

// Protocol is how the server is reached.
func (r *Relay) Protocol() Protocol { return r.protocol }

// Done is closed when the allocation is no more.
func (r *Relay) Done() <-chan struct{} { return r.client.done }

// Permit asks the server to let packets from these addresses through (RFC 8656
// §9), without waiting. Sending to an address does it too; this is for before.
func (r *Relay) Permit(addresses ...netip.Addr) {
	r.client.mu.Lock()
	defer r.client.mu.Unlock()
	for _, a := range addresses {
		if r.client.failure == nil {
			r.client.permit(a.Unmap(), time.Now())
		}
	}
}

func (r *Relay) alive() bool {
	select {
	case <-r.client.done:
		return false
	default:
		return true
	}
}

func (r *Relay) challenge() challenge {
	r.client.mu.Lock()
	defer r.client.mu.Unlock()
	return challenge{r.client.realm, r.client.nonce}
}

// discard ends an allocation that was made in vain.
func (r *Relay) discard() {
	r.client.end(net.ErrClosed)
	_ = r.mux.Close()
	r.client.wait()
}
