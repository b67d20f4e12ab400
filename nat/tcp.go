package nat

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/pion/stun/v4"
)

// How long UDP may be silent before TCP is asked, and how long TCP is given.
const (
	tcpAfter   = 400 * time.Millisecond
	tcpPatient = 3 * time.Second
	// A second connection is begun before the system repeats the first packet of a
	// lost one, which takes it a second.
	tcpTries    = 2
	tcpInterval = 250 * time.Millisecond
)

// webPort is what networks let out that let out nothing else.
const webPort = 443

// tcpFinding is what TCP to the servers did.
type tcpFinding struct {
	outcome   TCP
	four, six bool // something was connected or refused in that family
}

// askTCP finds out, where UDP stays silent, whether the servers are there at all:
// it asks STUN over TCP at their port and at the port that the strictest networks
// let through. It ends when UDP is heard, or with done when enough is known.
func (c Config) askTCP(ctx context.Context, list servers, heard, done <-chan struct{}) tcpFinding {
	wait := time.NewTimer(tcpAfter)
	defer wait.Stop()
	select {
	case <-heard:
		return tcpFinding{}
	case <-ctx.Done():
		return tcpFinding{}
	case <-done: // there was nothing to ask over UDP
		return tcpFinding{}
	case <-wait.C:
	}
	ctx, cancel := context.WithTimeout(ctx, tcpPatient)
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-heard:
			cancel()
		case <-ctx.Done():
		}
	})
	defer watching.Wait()
	defer cancel()
	targets := list.targets()
	results := make(chan tcpResult, 2*tcpTries*len(targets))
	var asking sync.WaitGroup
	for _, t := range targets {
		for i := range tcpTries {
			asking.Go(func() { c.askOneTCP(ctx, t, time.Duration(i)*tcpInterval, results) })
		}
	}
	watching.Go(func() { asking.Wait(); close(results) })
	f := collect(ctx, results, done)
	cancel()
	asking.Wait()
	return f
}

type tcpResult struct {
	to      netip.AddrPort
	outcome TCP
}

// collect waits for outcomes until STUN was answered, all are there, or UDP is
// decided and at least one host is known to be alive.
func collect(ctx context.Context, results <-chan tcpResult, done <-chan struct{}) tcpFinding {
	f := tcpFinding{outcome: TCPSilent}
	decided := false
	for f.outcome != TCPAnswers && (!decided || f.outcome == TCPSilent) {
		select {
		case r, more := <-results:
			if !more {
				return f
			}
			f.outcome = r.outcome
			f.four = f.four || r.to.Addr().Is4()
			f.six = f.six || r.to.Addr().Is6()
		case <-done:
			decided, done = true, nil
		case <-ctx.Done():
			return f
		}
	}
	return f
}

// targets are where TCP is asked.
func (s servers) targets() []netip.AddrPort {
	var list []netip.AddrPort
	for _, a := range append(append([]netip.AddrPort(nil), s.four...), s.six...) {
		list = append(list, a)
		if a.Port() != webPort {
			list = append(list, netip.AddrPortFrom(a.Addr(), webPort))
		}
	}
	return list
}

// askOneTCP connects and asks for the outside address (RFC 8489 §6.2.2). A host
// that refuses the connection is alive, too.
func (c Config) askOneTCP(ctx context.Context, to netip.AddrPort, after time.Duration, results chan<- tcpResult) {
	timer := time.NewTimer(after)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return
	}
	conn, err := c.Dial(ctx, "tcp", to.String())
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.Errno(10061)) { // Winsock's
		results <- tcpResult{to, TCPAlive}
		return
	}
	if err != nil {
		return
	}
	results <- tcpResult{to, TCPAlive}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })
	defer stop()
	if answersSTUN(conn) {
		results <- tcpResult{to, TCPAnswers}
	}
}

// answersSTUN asks on a fresh connection.
func answersSTUN(conn net.Conn) bool {
	id := newTransaction()
	if _, err := conn.Write(request(id, asIs)); err != nil {
		return false
	}
	const header = 20
	buffer := make([]byte, header, maxAnswer)
	if _, err := io.ReadFull(conn, buffer); err != nil || !stun.IsMessage(buffer) {
		return false
	}
	length := int(binary.BigEndian.Uint16(buffer[2:4]))
	if header+length > maxAnswer {
		return false
	}
	buffer = buffer[:header+length]
	if _, err := io.ReadFull(conn, buffer[header:]); err != nil {
		return false
	}
	a, ok := parseAnswer(buffer)
	return ok && a.id == id
}
