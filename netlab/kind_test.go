//go:build linux

package netlab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// behaviour is what a client can find out about its NAT (RFC 4787 §4, §5).
type behaviour struct {
	mapping   string
	filtering string
	preserves bool
}

func classify(t *testing.T, h *Host, e *echo) behaviour {
	t.Helper()
	a := askFrom(t, h, e, 0)
	var seen [4]netip.AddrPort
	for i := range seen {
		seen[i] = a.mapped(i)
	}
	var b behaviour
	switch {
	case seen[sameSocket] != seen[otherPort] && seen[otherAddress] != seen[otherBoth] && seen[sameSocket] != seen[otherAddress]:
		b.mapping = "APDM"
	case seen[sameSocket] == seen[otherPort] && seen[otherAddress] == seen[otherBoth] && seen[sameSocket] == seen[otherAddress]:
		b.mapping = "EIM"
	default:
		b.mapping = fmt.Sprint("other: ", seen)
	}
	b.preserves = seen[sameSocket].Port() == a.port()

	fresh := askFrom(t, h, e, 0)
	switch in := fresh.admitted(otherBoth, otherAddress, otherPort); {
	case slices.Equal(in, []int{otherPort, otherAddress, otherBoth}):
		b.filtering = "EIF"
	case slices.Equal(in, []int{otherPort}):
		b.filtering = "ADF"
	case len(in) == 0:
		b.filtering = "APDF"
	default:
		b.filtering = fmt.Sprint("other: ", in)
	}
	return b
}

func TestKindsBehaveAsNamed(t *testing.T) {
	for _, c := range []struct {
		kind Kind
		want behaviour
		why  string
	}{
		{FullCone, behaviour{"EIM", "EIF", true}, "anyone gets in through the mapping"},
		{Restricted, behaviour{"EIM", "ADF", true}, "the address counts, not the port"},
		{PortRestricted, behaviour{"EIM", "APDF", true}, "only the very peer gets in"},
		{PortRestrictedNoDrop, behaviour{"EIM", "APDF", true}, "as port restricted, until a peer sends first"},
		{EIMNoPreserve, behaviour{"EIM", "APDF", false}, "one mapping, but another port"},
		{Symmetric, behaviour{"APDM", "APDF", false}, "another mapping for every peer"},
	} {
		t.Run(c.kind.String(), func(t *testing.T) {
			t.Parallel()
			lab := New(t)
			server := lab.AddHost("server", WithAddresses(2))
			e := startEcho(t, server)
			home := lab.AddNAT("home", c.kind)
			h := home.AddHost("host")
			if got := classify(t, h, e); got != c.want {
				t.Errorf("got %+v, want %+v: %s", got, c.want, c.why)
			}
			a := askFrom(t, h, e, 0)
			if got := a.mapped(0); got.Addr() != home.Addr() || h.PublicAddr() != home.Addr() {
				t.Errorf("seen as %v, the box is %v, the public address %v", got, home.Addr(), h.PublicAddr())
			}
		})
	}
}

func TestNoNAT(t *testing.T) {
	t.Parallel()
	lab := New(t)
	e := startEcho(t, lab.AddHost("server", WithAddresses(2)))
	h := lab.AddHost("host")
	if got, want := classify(t, h, e), (behaviour{"EIM", "EIF", true}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := askFrom(t, h, e, 0).mapped(0).Addr(); got != h.Addr() || got != h.PublicAddr() {
		t.Errorf("seen as %v, is %v", got, h.Addr())
	}
}

// What tells the two port restricted kinds apart: a peer that sent first, before
// the inside did, finds the inside under another port where the box accepted its
// packet.
func TestPeerThatSendsFirst(t *testing.T) {
	for _, c := range []struct {
		kind Kind
		same bool
	}{
		{PortRestricted, true},
		{PortRestrictedNoDrop, false},
		{EIMNoPreserve, true},
		{FullCone, true},
	} {
		t.Run(c.kind.String(), func(t *testing.T) {
			t.Parallel()
			lab := New(t)
			e := startEcho(t, lab.AddHost("server", WithAddresses(2)))
			a := askFrom(t, lab.AddNAT("home", c.kind).AddHost("host"), e, 0)
			before := a.mapped(sameSocket)
			a.admitted(otherBoth) // the server's other socket sends first
			if after := a.mapped(otherBoth); (after == before) != c.same {
				t.Errorf("mapped %v, then %v for the peer that sent first", before, after)
			}
		})
	}
}

// Two hosts of one LAN may use the same source port; each keeps a mapping of its
// own that the outside can use.
func TestFullConeServesEqualSourcePorts(t *testing.T) {
	t.Parallel()
	lab := New(t)
	e := startEcho(t, lab.AddHost("server", WithAddresses(2)))
	home := lab.AddNAT("home", FullCone)
	a := askFrom(t, home.AddHost("a"), e, 5000)
	b := askFrom(t, home.AddHost("b"), e, 5000)
	ma, mb := a.mapped(0), b.mapped(0)
	if ma == mb || ma.Port() != 5000 {
		t.Fatalf("both at %v and %v", ma, mb)
	}
	for _, x := range []*asker{a, b} {
		if got := x.admitted(otherBoth); !slices.Equal(got, []int{otherBoth}) {
			t.Errorf("an unknown peer reached %v of port %v", got, x.port())
		}
	}
}

func TestUDPBlocked(t *testing.T) {
	t.Parallel()
	lab := New(t)
	server := lab.AddHost("server", WithAddresses(2))
	e := startEcho(t, server)
	h := lab.AddNAT("home", UDPBlocked).AddHost("host")
	for i := range e.at {
		askFrom(t, h, e, 0).send(i, i)
	}
	if err := tcpWorks(t, server, h, 5222, patience); err != nil {
		t.Fatal(err)
	}
	got := lab.Traffic(h, server)
	if got.UDP.Packets != 0 || got.TCP.Packets == 0 {
		t.Errorf("wanted only TCP: %+v", got)
	}
}

func TestTCP443Only(t *testing.T) {
	t.Parallel()
	lab := New(t)
	server := lab.AddHost("server", WithAddresses(2))
	e := startEcho(t, server)
	h := lab.AddNAT("office", TCP443Only).AddHost("host")
	askFrom(t, h, e, 0).send(0, 0)
	if err := tcpWorks(t, server, h, 5222, 200*time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("port 5222: got %v, want no answer at all", err)
	}
	if got := lab.Traffic(h, server); got != (Traffic{}) {
		t.Errorf("something got out: %+v", got)
	}
	if err := tcpWorks(t, server, h, 443, patience); err != nil {
		t.Errorf("port 443: %v", err)
	}
}

// tcpWorks connects and sends a word each way.
func tcpWorks(t *testing.T, server, client *Host, port uint16, within time.Duration) error {
	t.Helper()
	ln, err := server.Listen("tcp4", fmt.Sprint(":", port))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	defer func() { _ = ln.Close(); <-done }()
	go func() {
		defer close(done)
		if c, err := ln.Accept(); err == nil {
			_, _ = io.Copy(c, c)
			_ = c.Close()
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	c, err := client.Dial(ctx, "tcp4", server.AddrPort(port).String())
	if err != nil {
		var timeout net.Error
		if ctx.Err() != nil || errors.As(err, &timeout) && timeout.Timeout() {
			return context.DeadlineExceeded
		}
		return err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(c, "hello"); err != nil {
		return err
	}
	word := make([]byte, 5)
	_, err = io.ReadFull(c, word)
	return err
}

func TestRebindingChangesTheMapping(t *testing.T) {
	for kind := FullCone; kind <= Symmetric; kind++ {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			lab := New(t)
			e := startEcho(t, lab.AddHost("server", WithAddresses(2)))
			home := lab.AddNAT("home", kind)
			h := home.AddHost("host")
			a := askFrom(t, h, e, 0)
			last := a.mapped(0)
			for range 3 {
				home.Rebind()
				got := a.mapped(0)
				if got == last || got.Addr() != last.Addr() {
					t.Fatalf("mapped %v before and %v after", last, got)
				}
				last = got
			}
			if kind != Symmetric {
				if got := a.mapped(otherBoth); got != last {
					t.Errorf("no longer endpoint-independent: %v and %v", last, got)
				}
			}
			// the filter is the same, and its memory is empty
			want := map[Kind]int{FullCone: 3, Restricted: 1}[kind]
			if got := askFrom(t, h, e, 0).admitted(otherPort, otherAddress, otherBoth); len(got) != want {
				t.Errorf("admitted %v, want %d of three", got, want)
			}
		})
	}
}

// An outside host can no longer use a mapping that the box forgot.
func TestRebindingForgetsTheInside(t *testing.T) {
	t.Parallel()
	lab := New(t)
	server := lab.AddHost("server", WithAddresses(2))
	e := startEcho(t, server)
	home := lab.AddNAT("home", FullCone)
	a := askFrom(t, home.AddHost("host"), e, 0)
	old := a.mapped(0)
	home.Rebind()
	if _, err := e.sockets[otherBoth].WriteToUDPAddrPort([]byte(`{"From":99}`), old); err != nil {
		t.Fatal(err)
	}
	for range 4 {
		a.send(0, 0)
		if got := a.read(); got.From != 0 {
			t.Fatalf("the old mapping still works: %+v", got)
		}
	}
}

func TestMappedPortRanges(t *testing.T) {
	for kind := FullCone; kind <= TCP443Only; kind++ {
		last := ""
		for generation := range 25 {
			ports := mappedPorts(kind, generation)
			if generation > 0 {
				if ports == last {
					t.Errorf("%v: generation %d has the ports of the one before: %s", kind, generation, ports)
				}
				var low, high int
				if _, err := fmt.Sscanf(ports, ":%d-%d", &low, &high); err != nil {
					t.Fatalf("%v: %q: %v", kind, ports, err)
				}
				if low < 1024 || high >= 32768 || high <= low {
					t.Errorf("%v: range %d-%d meets privileged or ephemeral ports", kind, low, high)
				}
			}
			last = ports
		}
	}
}
