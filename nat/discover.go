package nat

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"godwit/xep/reach"
)

// Discover asks the servers and says what was found. It takes about half a
// second and two round trips, up to 1.5 s where much is lost or nothing answers.
// That nothing answers is a finding, not an error; errors are that there is no
// server to ask (ErrNoServer) and that ctx ended.
//
// It sends some 50 packets of about 36 bytes, none of them to this machine's own
// outside address. It may be called from any goroutine; calls share nothing.
func Discover(ctx context.Context, cfg Config) (Report, error) {
	cfg = cfg.withDefaults()
	began := time.Now()
	list, err := cfg.resolve(ctx)
	if err != nil {
		return Report{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var four, six finding
	var tcp tcpFinding
	heard := make(chan struct{}) // closed when anything answers over UDP
	var once sync.Once
	hear := func() { once.Do(func() { close(heard) }) }
	var running sync.WaitGroup
	running.Go(func() { four = cfg.family(ctx, "udp4", list.four, hear) })
	running.Go(func() { six = cfg.family(ctx, "udp6", list.six, hear) })
	done := make(chan struct{})
	var asking sync.WaitGroup
	asking.Go(func() { tcp = cfg.askTCP(ctx, list, heard, done) })
	running.Wait()
	close(done)
	asking.Wait()
	if err := ctx.Err(); err != nil {
		return Report{}, err
	}
	if four.family.State != Answered && six.family.State != Answered && errors.Join(four.err, six.err) != nil {
		return Report{}, fmt.Errorf("nat: no socket to ask from: %w", errors.Join(four.err, six.err))
	}
	r := report(four, six, tcp, cfg.Announced).WithRouter(cfg.External, cfg.Gateway)
	r.At = time.Now()
	r.Took = r.At.Sub(began)
	cfg.Logger.Debug("nat: discovered", "class", r.Reach.Class, "mapping", r.Reach.Mapping, "filtering", r.Reach.Filtering,
		"ipv4", r.IPv4.State, "ipv6", r.IPv6.State, "tcp", r.TCP, "doubts", r.Doubts, "took", r.Took)
	return r, nil
}

// finding is what came of one family.
type finding struct {
	family Family
	doubts []Doubt
	err    error // why there is no socket, if that is not for want of a route
}

// report puts the families together. It is pure.
func report(four, six finding, tcp tcpFinding, announced bool) Report {
	r := Report{IPv4: four.family, IPv6: six.family, TCP: tcp.outcome}
	main := four
	if four.family.State != Answered && six.family.State == Answered {
		main = six
	}
	r.Reach.Class, r.Reach.Mapping, r.Reach.Filtering = main.family.Class, main.family.Mapping, main.family.Filtering
	r.Reach.PortPreserved = main.family.PortPreserved
	r.Doubts = append(r.Doubts, main.doubts...)
	someUDP := main.family.State == Answered
	r.Reach.IPv4 = r.exchanges(AboutIPv4, four, someUDP, tcp.four)
	r.Reach.IPv6 = r.exchanges(AboutIPv6, six, someUDP, tcp.six)
	if !someUDP && (four.family.State == Silent || six.family.State == Silent) {
		r.silent(announced)
	}
	return r
}

// exchanges says whether packets of a family come and go.
func (r *Report) exchanges(about Subject, f finding, someUDP, tcp bool) reach.Tristate {
	switch f.family.State {
	case Answered:
		if about == AboutIPv6 && f.family.Public.Addr().Is4() { // through a translator (NAT64): no word about IPv6
			r.Doubts = append(r.Doubts, Doubt{about, NoServer})
			return reach.Unsaid
		}
		return reach.Yes
	case NoRoute:
		return reach.No
	case Unasked:
		r.Doubts = append(r.Doubts, Doubt{about, NoServer})
		return reach.Unsaid
	}
	switch {
	case tcp:
		return reach.Yes // only UDP is kept out
	case someUDP:
		r.Doubts = append(r.Doubts, Doubt{about, FamilySilent})
	}
	return reach.Unsaid
}

// silent decides what it means that UDP brings no answer at all: blocked, if
// there is a server that does answer otherwise.
func (r *Report) silent(announced bool) {
	switch {
	case r.TCP == TCPAnswers, announced && r.TCP != TCPSilent:
		r.Reach.Class = reach.Blocked
	case r.TCP == TCPAlive:
		r.Reach.Class = reach.Blocked
		r.Doubts = append(r.Doubts, Doubt{AboutUDP, ServerUnproven})
	default:
		r.Doubts = append(r.Doubts, Doubt{AboutUDP, NothingAnswers})
	}
	if r.Reach.Class == reach.Blocked && r.IPv4.State == Silent {
		r.IPv4.Class = reach.Blocked
	}
	if r.Reach.Class == reach.Blocked && r.IPv6.State == Silent {
		r.IPv6.Class = reach.Blocked
	}
}

// somewhere are addresses that nobody has, to ask the routing table for a way
// out. Nothing is sent to them.
var somewhere = map[string]netip.AddrPort{
	"udp4": netip.MustParseAddrPort("192.0.2.1:3478"),
	"udp6": netip.MustParseAddrPort("[2001:db8::1]:3478"),
}

// family runs the discovery of one family.
func (c Config) family(ctx context.Context, network string, list []netip.AddrPort, hear func()) finding {
	toward := somewhere[network]
	if len(list) > 0 {
		toward = list[0]
	}
	conns, locals, err := c.open(ctx, network, toward)
	switch {
	case err != nil && noRoute(err):
		return finding{family: Family{State: NoRoute}}
	case err != nil:
		c.Logger.Debug("nat: no socket", "network", network, "error", err)
		return finding{err: err}
	case len(list) == 0:
		closeAll(conns)
		return finding{}
	}
	began := time.Now()
	p := newProber(list, locals, newTransaction, began)
	now := exchange(ctx, p, conns, hear)
	closeAll(conns)
	c.Logger.Debug("nat: asked", "network", network, "primary", p.primary, "other", p.other, "tries", len(p.tries),
		"stray", p.stray, "took", now.Sub(began))
	if !p.primary.IsValid() {
		f := finding{family: Family{State: Silent, Local: locals[mapper]}}
		if p.heard {
			f.family.State = Answered
			f.doubts = []Doubt{{AboutMapping, Refused}, {AboutFiltering, Refused}}
		}
		return f
	}
	var f finding
	f.family, f.doubts = conclude(p.evidence(now))
	f.family.RoundTrip = p.shortest
	return f
}

func newTransaction() (id transaction) {
	_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	return id
}

// open opens the sockets of a family. That there is no route shows here, since
// the system is asked for the address to speak from.
func (c Config) open(ctx context.Context, network string, toward netip.AddrPort) (conns []net.PacketConn, locals [socketCount]netip.AddrPort, err error) {
	for i := range locals {
		conn, err := c.Listen(ctx, network, toward)
		if err != nil {
			closeAll(conns)
			return nil, locals, err
		}
		conns = append(conns, conn)
		locals[i] = addrPort(conn.LocalAddr())
	}
	return conns, locals, nil
}

func closeAll(conns []net.PacketConn) {
	for _, c := range conns {
		_ = c.Close() // nothing is waiting in it
	}
}

// arrival is a packet that came.
type arrival struct {
	socket int
	from   netip.AddrPort
	data   []byte
	at     time.Time
}

// exchange carries packets between the prober and the sockets until it is over
// or ctx ends, and returns when that was. Its readers end before it returns.
func exchange(ctx context.Context, p *prober, conns []net.PacketConn, hear func()) time.Time {
	arrivals := make(chan arrival)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for i, c := range conns {
		readers.Go(func() { read(i, c, arrivals, stop) })
	}
	defer func() {
		close(stop)
		for _, c := range conns {
			_ = c.SetReadDeadline(time.Now()) // wakes the readers
		}
		readers.Wait()
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		now := time.Now()
		out, wake := p.step(now)
		for _, o := range out {
			// A packet that cannot be sent is a packet lost: it is asked again.
			_, _ = conns[o.socket].WriteTo(o.data, net.UDPAddrFromAddrPort(o.to))
		}
		if p.finished {
			return now
		}
		timer.Reset(time.Until(wake))
		select {
		case a := <-arrivals:
			p.receive(a.at, a.socket, a.from, a.data)
			if p.heard {
				hear()
			}
		case <-timer.C:
		case <-ctx.Done():
			return now
		}
	}
}

// read hands on what comes to a socket until stop is closed.
func read(socket int, c net.PacketConn, to chan<- arrival, stop <-chan struct{}) {
	buffer := make([]byte, maxAnswer+1) // one more than accepted, so that too long shows
	failures := 0
	for {
		n, from, err := c.ReadFrom(buffer)
		if err != nil {
			var timeout net.Error
			if errors.Is(err, net.ErrClosed) || errors.As(err, &timeout) && timeout.Timeout() || failures > 100 {
				return
			}
			failures++ // such as an ICMP error that a system reports on any socket
			continue
		}
		a := arrival{socket, addrPort(from), append([]byte(nil), buffer[:n]...), time.Now()}
		select {
		case to <- a:
		case <-stop:
			return
		}
	}
}

// addrPort is a socket address in canonical form, invalid if it is none.
func addrPort(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	switch a := a.(type) {
	case *net.UDPAddr:
		ap = a.AddrPort()
	case nil:
		return ap
	default:
		ap, _ = netip.ParseAddrPort(a.String())
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
