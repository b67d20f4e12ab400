//go:build linux

package netlab

import (
	"encoding/json"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"
)

// patience is how long a test waits for what must come. Nothing is concluded
// from waiting for what must not come: a later packet that did come proves it.
const patience = 10 * time.Second

// echo answers from two addresses with two ports each, as a STUN server with
// RFC 5780 does. A request names the sockets that shall answer, in order; each
// answer tells the sender's address as the server saw it.
type echo struct {
	sockets [4]*net.UDPConn // address 0 with port 0 and 1, address 1 with both
	at      [4]netip.AddrPort
}

const (
	sameSocket   = 0
	otherPort    = 1
	otherAddress = 2
	otherBoth    = 3
)

type answer struct {
	From   int            // the socket that sends it
	Mapped netip.AddrPort // as the server saw the request
	Number int            // of the request
}

type request struct {
	AnswerFrom []int
	Number     int
}

func startEcho(t *testing.T, h *Host) *echo {
	t.Helper()
	e := &echo{}
	addrs := h.Addrs()
	for i := range e.sockets {
		e.at[i] = netip.AddrPortFrom(addrs[i/2], uint16(3478+i%2))
		c, err := h.ListenUDP(e.at[i])
		if err != nil {
			t.Fatal(err)
		}
		e.sockets[i] = c
	}
	var serving sync.WaitGroup
	for _, c := range e.sockets {
		serving.Go(func() { e.serve(c) })
	}
	t.Cleanup(func() {
		for _, c := range e.sockets {
			_ = c.Close()
		}
		serving.Wait()
	})
	return e
}

func (e *echo) serve(c *net.UDPConn) {
	buf := make([]byte, 2048)
	for {
		n, from, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		var req request
		if json.Unmarshal(buf[:n], &req) != nil {
			continue
		}
		for _, i := range req.AnswerFrom {
			reply, _ := json.Marshal(answer{From: i, Mapped: from, Number: req.Number})
			_, _ = e.sockets[i].WriteToUDPAddrPort(reply, from)
		}
	}
}

// asker is one client socket.
type asker struct {
	t      *testing.T
	c      *net.UDPConn
	e      *echo
	number int
}

// askFrom opens a socket on h; port 0 picks one.
func askFrom(t *testing.T, h *Host, e *echo, port uint16) *asker {
	t.Helper()
	c, err := h.ListenUDP(netip.AddrPortFrom(netip.IPv4Unspecified(), port))
	if err != nil {
		t.Fatal(err)
	}
	return &asker{t: t, c: c, e: e}
}

func (a *asker) port() uint16 { return uint16(a.c.LocalAddr().(*net.UDPAddr).Port) }

func (a *asker) send(to int, answerFrom ...int) {
	a.t.Helper()
	a.number++
	msg, _ := json.Marshal(request{AnswerFrom: answerFrom, Number: a.number})
	if _, err := a.c.WriteToUDPAddrPort(msg, a.e.at[to]); err != nil {
		a.t.Fatal(err)
	}
}

// read waits for the next answer; other packets are passed over.
func (a *asker) read() answer {
	a.t.Helper()
	_ = a.c.SetReadDeadline(time.Now().Add(patience))
	buf := make([]byte, 2048)
	for {
		n, err := a.c.Read(buf)
		if err != nil {
			a.t.Fatalf("no answer to request %d: %v", a.number, err)
		}
		var got answer
		if json.Unmarshal(buf[:n], &got) == nil {
			return got
		}
	}
}

// mapped asks one socket of the server how it sees us.
func (a *asker) mapped(to int) netip.AddrPort {
	a.t.Helper()
	a.send(to, to)
	for {
		if got := a.read(); got.Number == a.number && got.From == to {
			return got.Mapped
		}
	}
}

// admitted asks socket 0 to let the others answer first, and tells which of
// them got through. Socket 0 answers last, and then several more times, so
// whatever has not come by then was refused.
func (a *asker) admitted(others ...int) []int {
	a.t.Helper()
	a.send(sameSocket, append(slices.Clone(others), sameSocket)...)
	var in []int
	for rounds := 0; rounds < 4; {
		got := a.read()
		if got.From != sameSocket {
			in = append(in, got.From)
			continue
		}
		rounds++
		a.send(sameSocket, sameSocket)
	}
	slices.Sort(in)
	return in
}
