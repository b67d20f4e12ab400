package quic

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"godwit/netlab"
	"godwit/netlab/proc"
	"godwit/relay"
	"godwit/xep/reach"
)

// inLab starts a client on a host of the lab.
func inLab(t *testing.T, host *netlab.Host, self, server string) *proc.Process {
	t.Helper()
	p := host.StartSpec(t, proc.Spec{
		Name: host.Name(), Path: os.Args[0], Env: []string{childVariable + "=" + self + " " + server},
	})
	p.Expect(20*time.Second, "the start", proc.Is("ready"))
	return p
}

// relayLines carries stanzas between two clients as a server would, and hands
// everything else to the channels.
func relayLines(t *testing.T, a, b *proc.Process) (fromA, fromB chan string) {
	t.Helper()
	fromA, fromB = make(chan string, 1000), make(chan string, 1000)
	carry := func(from, to *proc.Process, other chan string) {
		for line := range from.Lines() {
			if strings.HasPrefix(line, "iq ") {
				if to.Send(line) != nil {
					return
				}
				continue
			}
			other <- line
		}
		close(other)
	}
	go carry(a, b, fromA)
	go carry(b, a, fromB)
	return fromA, fromB
}

// await returns the first line that begins with one of the prefixes.
func await(t *testing.T, who string, lines chan string, within time.Duration, prefixes ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	for {
		select {
		case line, ok := <-lines:
			if !ok {
				t.Fatalf("%s ended", who)
			}
			for _, p := range prefixes {
				if strings.HasPrefix(line, p) {
					return line
				}
			}
		case <-ctx.Done():
			t.Fatalf("%s: no %q", who, prefixes)
		}
	}
}

// TestNATPairs introduces two clients behind every pair of routers, with 40 ms
// of round trip, and holds the outcome against theory: all pairs are direct but
// those where a symmetric router meets one that filters by port.
func TestNATPairs(t *testing.T) {
	netlab.Require(t)
	if testing.Short() {
		t.Skip("takes a minute")
	}
	kinds := []netlab.Kind{netlab.FullCone, netlab.Restricted, netlab.PortRestricted, netlab.EIMNoPreserve, netlab.Symmetric}
	for i, one := range kinds {
		for _, two := range kinds[i:] {
			// A symmetric router shows every peer another port; only who does
			// not filter by port can be reached from it.
			direct := two != netlab.Symmetric || one == netlab.FullCone || one == netlab.Restricted
			t.Run(fmt.Sprintf("%v-%v", one, two), func(t *testing.T) {
				if !direct {
					t.Parallel() // these wait for their deadline
				}
				natPair(t, one, two, netlab.Link{Delay: 10 * time.Millisecond}, direct)
			})
		}
	}
	t.Run("with loss", func(t *testing.T) {
		natPair(t, netlab.PortRestricted, netlab.PortRestricted, netlab.Link{Delay: 10 * time.Millisecond, Loss: 0.05}, true)
	})
}

func natPair(t *testing.T, one, two netlab.Kind, on netlab.Link, direct bool) {
	lab := netlab.New(t)
	server := lab.AddHost("server")
	link := netlab.WithLink(on)
	a := lab.AddNAT("home", one, link).AddHost("alice")
	b := lab.AddNAT("office", two, link).AddHost("bob")
	conn, err := server.ListenUDP(server.AddrPort(3478))
	if err != nil {
		t.Fatal(err)
	}
	stun := relay.New(relay.Config{})
	served := make(chan struct{})
	go func() { defer close(served); _ = stun.ServeUDP(conn) }()
	t.Cleanup(func() { _ = stun.Close(); <-served })
	address := server.AddrPort(3478).String()
	pa, pb := inLab(t, a, alice.String(), address), inLab(t, b, bob.String(), address)
	fromA, fromB := relayLines(t, pa, pb)
	if err := pa.Send("connect " + bob.String()); err != nil {
		t.Fatal(err)
	}
	gotA := await(t, "alice", fromA, 60*time.Second, "up ", "down ")
	gotB := await(t, "bob", fromB, 60*time.Second, "up ", "down ")
	t.Logf("alice %s, bob %s", gotA, gotB)
	if strings.HasPrefix(gotA, "up") != direct || strings.HasPrefix(gotB, "up") != direct {
		t.Fatalf("direct should be %v", direct)
	}
	if !direct {
		return
	}
	if err := pa.Send("say over the punched path"); err != nil {
		t.Fatal(err)
	}
	await(t, "bob", fromB, 10*time.Second, "heard over the punched path")
	if err := pb.Send("say and back"); err != nil {
		t.Fatal(err)
	}
	await(t, "alice", fromA, 10*time.Second, "heard and back")
	if lab.Traffic(a, b).UDP.Packets == 0 || lab.Traffic(b, a).UDP.Packets == 0 {
		t.Error("nothing went from one to the other")
	}
}

// TestGuessedPort introduces a client behind a port-restricted router to one
// behind a symmetric router, again and again, each knowing what it is behind. How
// often is set by GUESS_TRIES.
func TestGuessedPort(t *testing.T) {
	netlab.Require(t)
	tries := 5
	if n, err := strconv.Atoi(os.Getenv("GUESS_TRIES")); err == nil {
		tries = n
	} else if testing.Short() {
		t.Skip("takes seconds for each try")
	}
	lab := netlab.New(t)
	server := lab.AddHost("server")
	link := netlab.WithLink(netlab.Link{Delay: 10 * time.Millisecond})
	a := lab.AddNAT("home", netlab.PortRestricted, link).AddHost("alice")
	b := lab.AddNAT("office", netlab.Symmetric, link).AddHost("bob")
	conn, err := server.ListenUDP(server.AddrPort(3478))
	if err != nil {
		t.Fatal(err)
	}
	stun := relay.New(relay.Config{})
	served := make(chan struct{})
	go func() { defer close(served); _ = stun.ServeUDP(conn) }()
	t.Cleanup(func() { _ = stun.Close(); <-served })
	address := server.AddrPort(3478).String()
	var took []int
	for try := range tries {
		pa := inLab(t, a, alice.String(), address+" "+string(reach.PortRestricted))
		pb := inLab(t, b, bob.String(), address+" "+string(reach.Symmetric))
		fromA, fromB := relayLines(t, pa, pb)
		first, to := pa, bob
		if try%2 == 1 {
			first, to = pb, alice
		}
		if err := first.Send("connect " + to.String()); err != nil {
			t.Fatal(err)
		}
		got := await(t, "alice", fromA, 60*time.Second, "up ", "down ")
		await(t, "bob", fromB, 60*time.Second, "up ", "down ")
		var kinds string
		var ms int
		if _, err := fmt.Sscanf(got, "up %s %d", &kinds, &ms); err == nil {
			took = append(took, ms)
		}
		t.Log(got)
		pa.Kill9()
		pb.Kill9()
	}
	slices.Sort(took)
	t.Logf("%d of %d tries were direct, after milliseconds: %v", len(took), tries, took)
	if len(took) < tries*8/10 {
		t.Error("too few") // theory says 98 of 100
	}
}
