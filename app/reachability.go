package app

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"godwit/nat"
	"godwit/nat/network"
	"godwit/nat/portmap"
	"godwit/xep/extdisco"
	"godwit/xep/reach"
)

// directTransport is what a transport is told of the network.
type directTransport interface {
	SetMapped([]netip.AddrPort)
	SetReach(reach.Reach)
	NetworkChanged()
}

// reachConfig is what a reachability works with.
type reachConfig struct {
	services   <-chan []extdisco.Service // what the server announces, after each sign-in
	port       uint16                    // of the client's UDP socket
	mapping    bool                      // ask routers for it
	transports []directTransport
	setReach   func(reach.Reach) // of the client; does not wait
	changed    func()            // tells the client that the network did; does not wait
	log        *slog.Logger

	// The system's; others in tests.
	watch    func(context.Context) <-chan network.Change
	discover func(context.Context, nat.Config) (nat.Report, error)
	newMap   func(portmap.Config) (portMapper, error)
}

type portMapper interface {
	NetworkChanged()
	Close()
}

// Times of finding out.
const (
	// mappingDelay is for the sign-in, which comes first; a server that announces
	// its services ends it.
	mappingDelay = 5 * time.Second
	// retryDiscovery is until a network whose servers did not answer is asked again,
	// twice that the next time, and so on.
	retryDiscovery     = 30 * time.Second
	retryDiscoveryMost = 30 * time.Minute
	// discoveryFresh is for how long what was found needs no second look at the
	// next sign-in on the same network.
	discoveryFresh = 30 * time.Minute
	// discoveryTime bounds one discovery, which takes a second and a half.
	discoveryTime = 10 * time.Second
)

// reachability finds out in the background how this device can be reached, and keeps the client and its direct transports informed: it watches the
// network, asks the server's STUN what the NAT does, and has the router map a port. Nothing waits for it. All fields but the channels belong to the
// goroutine of run.
type reachability struct {
	reachConfig
	cancel context.CancelFunc
	done   chan struct{}

	mappings chan []portmap.Mapping // the latest that routers made; holds one
	reports  chan discovery         // what was found
	networks <-chan network.Change  // what the watch says
	cache    *nat.Cache             // by network
	state    network.State          // where this device is
	servers  []string               // STUN, host:port
	report   nat.Report             // of this network; zero when not known
	mapped   []portmap.Mapping      // hold now
	mapper   portMapper             // nil before the sign-in, and where mapping is off
	running  sync.WaitGroup         // discoveries
	asking   context.CancelFunc     // ends the discovery that runs; nil when none does
	round    int                    // of discoveries: what an earlier one found is not believed
	failures int                    // of discoveries in a row
	retry    <-chan time.Time       // when to ask again
	told     reach.Reach            // what everybody knows
	toldMap  []netip.AddrPort       // and which addresses
}

// discovery is what came of one.
type discovery struct {
	round  int
	key    string
	report nat.Report
	err    error
}

// startReachability begins. It returns at once.
func startReachability(c reachConfig) *reachability {
	if c.watch == nil {
		c.watch = func(ctx context.Context) <-chan network.Change {
			return network.Watch(ctx, network.Options{Logger: c.log})
		}
	}
	if c.discover == nil {
		c.discover = nat.Discover
	}
	if c.newMap == nil {
		c.newMap = func(p portmap.Config) (portMapper, error) { return portmap.New(p) }
	}
	r := &reachability{
		reachConfig: c, done: make(chan struct{}), mappings: make(chan []portmap.Mapping, 1),
		reports: make(chan discovery), cache: nat.NewCache(nat.CacheSize, nat.CacheAge),
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	r.networks = c.watch(ctx)
	go r.run(ctx)
	return r
}

// latest puts v in the place of what nobody has taken yet. There is one sender for each channel.
func latest[T any](c chan T, v T) {
	select {
	case <-c:
	default:
	}
	c <- v
}

// close ends it and has the mapping removed, within little more than a second.
func (r *reachability) close() {
	r.cancel()
	<-r.done
}

func (r *reachability) run(ctx context.Context) {
	defer close(r.done)
	defer func() {
		r.stopAsking()
		r.running.Wait()
		if r.mapper != nil {
			r.mapper.Close()
		}
		for range r.networks { // ends with ctx
		}
	}()
	signIn := time.NewTimer(mappingDelay)
	defer signIn.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case c, ok := <-r.networks:
			if !ok {
				return
			}
			r.moved(ctx, c)
		case list := <-r.services:
			r.startMapping()
			r.servers = stunServers(list)
			r.look(ctx, discoveryFresh)
		case <-signIn.C:
			r.startMapping()
		case list := <-r.mappings:
			r.mapped = list
			r.tell()
		case d := <-r.reports:
			r.found(d)
		case <-r.retry:
			r.retry = nil
			r.look(ctx, 0)
		}
	}
}

// moved takes that this device is on another network, or may be.
func (r *reachability) moved(ctx context.Context, c network.Change) {
	r.state = c.State
	if !c.First {
		r.log.Info("the network changed", "addresses", c.State.Usable(0), "slept", c.Slept)
		for _, t := range r.transports {
			t.NetworkChanged()
		}
		r.changed()
		if r.mapper != nil {
			r.mapper.NetworkChanged()
		}
	}
	r.stopAsking()
	r.failures, r.retry = 0, nil
	r.report, _ = r.cache.Get(c.State.ID(), time.Now())
	r.tell()
	r.look(ctx, 0)
}

// startMapping has routers asked, once.
func (r *reachability) startMapping() {
	if r.mapper != nil || !r.mapping {
		return
	}
	m, err := r.newMap(portmap.Config{
		Port: r.port, Routers: routers, Logger: r.log,
		Changed: func(list []portmap.Mapping) { latest(r.mappings, list) },
	})
	if err != nil {
		r.log.Warn("no port can be mapped", "error", err)
		return
	}
	r.mapper = m
}

// routers are those that can be asked for a port.
func routers(context.Context) ([]portmap.Router, error) {
	state, err := network.Current()
	if err != nil {
		return nil, err
	}
	var list []portmap.Router
	for _, g := range state.Routers() {
		list = append(list, portmap.Router{Gateway: g.Gateway, Local: g.Local, Subnet: g.Subnet})
	}
	return list, nil
}

// look begins a discovery, unless what is known is fresh enough or there is nobody to ask.
func (r *reachability) look(ctx context.Context, fresh time.Duration) {
	key := r.state.ID()
	if key == "" || len(r.servers) == 0 || !r.report.At.IsZero() && time.Since(r.report.At) < fresh {
		return
	}
	r.stopAsking()
	round, config := r.round, nat.Config{Servers: r.servers, Announced: true, Logger: r.log}
	bound, cancel := context.WithTimeout(ctx, discoveryTime)
	r.asking = cancel
	r.running.Go(func() {
		defer cancel()
		d := discovery{round: round, key: key}
		d.report, d.err = r.discover(bound, config)
		select {
		case r.reports <- d:
		case <-ctx.Done(): // nobody wants to know any more
		}
	})
}

func (r *reachability) stopAsking() {
	if r.asking != nil {
		r.asking()
		r.asking = nil
		r.round++
	}
}

// found takes what a discovery found.
func (r *reachability) found(d discovery) {
	if d.round != r.round {
		return
	}
	r.stopAsking()
	if d.err != nil || d.report.Reach.Class == reach.UnknownClass && d.report.IPv4.State != nat.Answered && d.report.IPv6.State != nat.Answered {
		pause := min(retryDiscovery<<min(r.failures, 10), retryDiscoveryMost)
		r.failures++
		r.retry = time.After(pause)
		r.log.Debug("nothing was found out about the network", "error", d.err, "again", pause)
		return
	}
	r.failures, r.report = 0, d.report
	r.cache.Put(d.key, d.report)
	r.tell()
}

// tell informs the client and the transports, if there is news.
func (r *reachability) tell() {
	var mapped []netip.AddrPort
	for _, m := range r.mapped {
		mapped = append(mapped, m.External)
	}
	if !slices.Equal(mapped, r.toldMap) {
		r.toldMap = mapped
		for _, t := range r.transports {
			t.SetMapped(slices.Clone(mapped))
		}
	}
	now := describeReach(r.report, r.state, r.mapped, r.port)
	if now.Equal(r.told) {
		return
	}
	r.told = now
	for _, t := range r.transports {
		t.SetReach(now)
	}
	r.setReach(now)
}

// describeReach puts together what is known. A mapping counts only if it leads in from the internet: on a router that is itself behind a NAT it
// shows that there is one. It is pure.
func describeReach(report nat.Report, state network.State, mapped []portmap.Mapping, port uint16) reach.Reach {
	var external netip.Addr
	for _, m := range mapped {
		if a := m.External.Addr(); a.Is4() {
			external = a
		}
	}
	if external.IsValid() || !report.At.IsZero() {
		report = report.WithRouter(external, state.Four.Gateway)
	}
	now := report.Reach
	now.Client = "Godwit " + Version
	seen := report.IPv4.Public.Addr()
	for _, m := range mapped {
		a := m.External.Addr()
		if !m.Public() || a.Is4() && seen.IsValid() && seen != a {
			continue
		}
		if now.Mapped == "" && a.Is4() {
			now.Mapped = string(m.Protocol)
		}
		now.Addresses = append(now.Addresses, m.External)
	}
	for _, a := range state.Usable(0) {
		if at := netip.AddrPortFrom(a, port); a.Is6() && !a.IsPrivate() && !slices.Contains(now.Addresses, at) {
			now.Addresses = append(now.Addresses, at)
		}
	}
	now.Addresses = now.Addresses[:min(len(now.Addresses), reach.MaxAddresses)]
	return now
}

// stunServers picks the STUN servers that are asked over UDP.
func stunServers(services []extdisco.Service) []string {
	var out []string
	for _, s := range services {
		if s.Type != extdisco.STUN || s.Transport != "" && s.Transport != "udp" {
			continue
		}
		port := s.Port
		if port == 0 {
			port = nat.DefaultPort
		}
		if at := net.JoinHostPort(s.Host, strconv.Itoa(int(port))); !slices.Contains(out, at) {
			out = append(out, at)
		}
	}
	return out
}
