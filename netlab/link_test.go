//go:build linux

package netlab

import (
	"net"
	"testing"
	"testing/synctest"
	"time"
)

func TestLinkDelays(t *testing.T) {
	t.Parallel()
	const oneWay = 15 * time.Millisecond
	lab := New(t)
	server := lab.AddHost("server", WithAddresses(2), WithLink(Link{Delay: oneWay}))
	e := startEcho(t, server)
	home := lab.AddNAT("home", PortRestricted, WithLink(Link{Delay: oneWay, Jitter: 2 * time.Millisecond}))
	a := askFrom(t, home.AddHost("host"), e, 0)
	start := time.Now()
	a.mapped(0)
	if took := time.Since(start); took < 4*oneWay {
		t.Errorf("a round trip over two links took %v, less than %v", took, 4*oneWay)
	}
	// Packets under way at once keep their order.
	for range 100 {
		a.send(0, 0)
	}
	for want := a.number - 99; want <= a.number; want++ {
		if got := a.read(); got.Number != want {
			t.Fatalf("answer %d came before %d", got.Number, want)
		}
	}
	if err := tcpWorks(t, server, lab.Host("host"), 5222, patience); err != nil {
		t.Error(err)
	}
}

// Under virtual time: each direction by itself, exact delay, certain loss, and a
// change that takes effect with the next packet.
func TestPump(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inA, a := net.Pipe()
		inB, b := net.Pipe()
		const delay = 250 * time.Millisecond
		p := startPump(inA, inB, Link{Delay: delay})
		defer func() { _ = p.Close() }()
		pass := func(from, to net.Conn, want time.Duration) {
			t.Helper()
			start := time.Now()
			if _, err := from.Write([]byte("packet")); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 16)
			n, err := to.Read(buf)
			if took := time.Since(start); err != nil || string(buf[:n]) != "packet" || took != want {
				t.Fatalf("got %q, %v after %v, want it after %v", buf[:n], err, took, want)
			}
		}
		pass(a, b, delay)
		pass(b, a, delay)

		p.set(Link{Loss: 1})
		for range 100 {
			if _, err := a.Write([]byte("lost")); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait() // all of them have met their fate
		p.set(Link{})
		pass(a, b, 0)

		p.set(Link{Loss: 0.5})
		survived := 0
		done := make(chan struct{})
		go func() {
			defer close(done)
			buf := make([]byte, 16)
			for {
				n, err := b.Read(buf)
				if err != nil || string(buf[:n]) == "last" {
					return
				}
				survived++
			}
		}()
		const sent = 1000
		for range sent {
			_, _ = a.Write([]byte("maybe"))
		}
		synctest.Wait()
		p.set(Link{})
		_, _ = a.Write([]byte("last"))
		<-done
		if survived < sent*2/5 || survived > sent*3/5 {
			t.Errorf("%d of %d packets survived a loss of one half", survived, sent)
		}
		// Closing does not wait for what is under way.
		p.set(Link{Delay: time.Hour})
		_, _ = a.Write([]byte("too late"))
	})
}

func TestSetLink(t *testing.T) {
	t.Parallel()
	lab := New(t)
	e := startEcho(t, lab.AddHost("server", WithAddresses(2)))
	home := lab.AddNAT("home", PortRestricted, WithLink(Link{}))
	a := askFrom(t, home.AddHost("host"), e, 0)
	a.mapped(0)
	home.SetLink(Link{Delay: 30 * time.Millisecond})
	start := time.Now()
	a.mapped(0)
	if took := time.Since(start); took < 60*time.Millisecond {
		t.Errorf("a round trip took %v", took)
	}
}

// A rate makes a line: what is sent at once comes out spread over time.
func TestLinkRate(t *testing.T) {
	t.Parallel()
	lab := New(t)
	a := lab.AddHost("a", WithLink(Link{Rate: 8_000_000})) // a byte each microsecond
	b := lab.AddHost("b")
	from, to := openUDP(t, a), openUDP(t, b)
	const packets, size = 50, 1000
	start := time.Now()
	at := b.AddrPort(uint16(to.LocalAddr().(*net.UDPAddr).Port))
	for range packets {
		if _, err := from.WriteToUDPAddrPort(make([]byte, size), at); err != nil {
			t.Fatal(err)
		}
	}
	buf := make([]byte, 2048)
	for i := range packets {
		_ = to.SetReadDeadline(time.Now().Add(patience))
		if _, err := to.Read(buf); err != nil {
			t.Fatalf("packet %d: %v", i, err)
		}
	}
	if took := time.Since(start); took < packets*size*time.Microsecond {
		t.Errorf("%d bytes took %v", packets*size, took)
	}
}
