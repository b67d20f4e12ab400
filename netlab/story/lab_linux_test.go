package story

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"godwit/netlab"
)

// greet exchanges a message each way by the server, which makes the clients try a direct path.
func (m *meeting) greet(t *testing.T) {
	t.Helper()
	m.alice.Write(t, m.bob, "hello", "hello")
	e := m.bob.Await(t, "the first message", func(e Event) bool { return e.Event == "message" && e.Body == "hello" })
	if e.Path != "server" {
		t.Fatalf("the first message came by %q; it must never wait for a direct path", e.Path)
	}
}

// exchange sends n numbered messages each way, a few milliseconds apart, calling during before each.
func (m *meeting) exchange(t *testing.T, n int, during func(i int)) {
	t.Helper()
	pace := time.NewTicker(3 * time.Millisecond)
	defer pace.Stop()
	for i := range n {
		if during != nil {
			during(i)
		}
		m.alice.Write(t, m.bob, fmt.Sprintf("a%d", i), m.alice.Numbered(i))
		m.bob.Write(t, m.alice, fmt.Sprintf("b%d", i), m.bob.Numbered(i))
		<-pace.C
	}
}

func TestPortRestrictedPairGoesDirect(t *testing.T) {
	m := meet(t, netlab.PortRestricted, netlab.PortRestricted)
	m.greet(t)
	up := m.alice.LinkUp(t, m.bob)
	m.bob.LinkUp(t, m.alice)
	if up.Path != "direct" || !strings.HasPrefix(up.Remote, m.homeB.PublicAddr().String()+":") {
		t.Fatalf("the link is %q to %s; want direct to bob's NAT %s", up.Path, up.Remote, m.homeB.PublicAddr())
	}
	before := m.lab.Traffic(m.homeA, m.homeB)
	const n = 100
	m.exchange(t, n, nil)
	m.bob.ExpectNumbered(t, m.alice, n, time.Minute)
	m.alice.ExpectNumbered(t, m.bob, n, time.Minute)
	if paths := m.bob.Paths(m.alice); paths["direct"] < n/2 {
		t.Errorf("of %d messages %v were seen by path; most should have gone direct", n, paths)
	}
	if sent := m.lab.Traffic(m.homeA, m.homeB).Sub(before); sent.UDP.Packets < n/2 {
		t.Errorf("%d packets passed between the NATs; direct messages must leave a trace", sent.UDP.Packets)
	}
}

func TestSymmetricPairGoesByTheRelay(t *testing.T) {
	m := meet(t, netlab.Symmetric, netlab.Symmetric)
	m.greet(t)
	if up := m.alice.LinkUp(t, m.bob); up.Path != "relay" {
		t.Fatalf("the link is %q", up.Path)
	}
	m.bob.LinkUp(t, m.alice)
	const n = 200
	m.exchange(t, n, nil)
	m.bob.ExpectNumbered(t, m.alice, n, time.Minute)
	m.alice.ExpectNumbered(t, m.bob, n, time.Minute)
	if paths := m.bob.Paths(m.alice); paths["relay"] < n/2 || paths["direct"] > 0 {
		t.Errorf("of %d messages %v were seen by path; most belong to the relay", n, paths)
	}
}

func TestSymmetricPairWithoutRelayStaysOnTheServer(t *testing.T) {
	m := newMeeting(t)
	m.flags = []string{"--listen-turn", "off"}
	m.homes(netlab.Symmetric, netlab.Symmetric)
	m.begin(t)
	m.greet(t)
	m.alice.Await(t, "the attempt", func(e Event) bool { return e.Event == "link" && e.State == "connecting" })
	const n = 200
	m.exchange(t, n, nil)
	m.bob.ExpectNumbered(t, m.alice, n, time.Minute)
	m.alice.ExpectNumbered(t, m.bob, n, time.Minute)
	if paths := m.bob.Paths(m.alice); paths["server"] != n {
		t.Errorf("of %d messages %v were seen by path; all belong to the server", n, paths)
	}
	// The attempt ends and says so; the chat has not noticed.
	down := m.alice.Await(t, "the end of the attempt", func(e Event) bool { return e.Event == "link" && e.State == "down" })
	if down.Reason == "" {
		t.Errorf("no reason was given: %s", down.Line)
	}
}

// TestRelayIsLeft: while the direct path is cut the relay carries the chat, and as soon as it is not the chat is direct again.
func TestRelayIsLeft(t *testing.T) {
	m := meet(t, netlab.PortRestricted, netlab.PortRestricted)
	m.greet(t)
	k := m.talk(talkPace)
	reach := func(path string) {
		t.Helper()
		begin := time.Now()
		if !m.await(time.Minute, path) {
			t.Fatalf("the chat does not go by %s", path)
		}
		t.Logf("%s carries the chat, %v after the change", path, ms(time.Since(begin)))
	}
	reach("direct")
	m.lab.Cut(m.homeA, m.homeB)
	reach("relay")
	m.lab.Restore(m.homeA, m.homeB)
	reach("direct")
	sent := k.end(t)
	m.bob.ExpectNumbered(t, m.alice, sent[0], time.Minute)
	m.alice.ExpectNumbered(t, m.bob, sent[1], time.Minute)
}

func TestCutInMidChat(t *testing.T) {
	m := meet(t, netlab.PortRestricted, netlab.PortRestricted)
	m.greet(t)
	m.alice.LinkUp(t, m.bob)
	m.bob.LinkUp(t, m.alice)
	const n = 1000
	m.exchange(t, n, func(i int) {
		if i == n/2 {
			m.lab.Cut(m.homeA, m.homeB)
		}
	})
	m.bob.ExpectNumbered(t, m.alice, n, time.Minute)
	m.alice.ExpectNumbered(t, m.bob, n, time.Minute)
	for _, p := range [][2]*Person{{m.bob, m.alice}, {m.alice, m.bob}} {
		if paths := p[0].Paths(p[1]); paths["direct"] == 0 || paths["server"]+paths["relay"] == 0 {
			t.Errorf("%s saw %v by path; both must have carried some", p[0].Name, paths)
		}
	}
}

func TestServerKilledInMidChat(t *testing.T) {
	m := meet(t, netlab.PortRestricted, netlab.PortRestricted)
	m.greet(t)
	m.alice.LinkUp(t, m.bob)
	m.bob.LinkUp(t, m.alice)
	const n = 300
	var killed time.Time
	m.exchange(t, n, func(i int) {
		if i == n/3 {
			m.server.Kill9()
			killed = time.Now()
		}
	})
	m.bob.ExpectNumbered(t, m.alice, n, time.Minute)
	m.alice.ExpectNumbered(t, m.bob, n, time.Minute)
	after := 0
	for _, e := range m.bob.Told() {
		if e.Event == "message" && e.At.After(killed) && e.Path == "direct" {
			after++
		}
	}
	if after < n/2 {
		t.Errorf("%d messages came directly after the server died", after)
	}
	m.server.Restart(t)
	for _, p := range []*Person{m.alice, m.bob} {
		p.Until(t, "online again", time.Minute, func(all []Event) bool {
			return slices.ContainsFunc(all, func(e Event) bool { return e.Event == "online" && e.At.After(killed) })
		})
	}
}
