package story

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"godwit/netlab"
)

// meeting is two people and a server in the laboratory.
type meeting struct {
	lab          *netlab.Lab
	homeA, homeB *netlab.NAT // the same one for people behind one box
	hostA, hostB *netlab.Host
	hostS        *netlab.Host
	flags        []string // more of the server's
	server       *Server
	alice, bob   *Person
}

// meet puts two people behind a NAT of a kind each, and makes them contacts.
func meet(t *testing.T, a, b netlab.Kind) *meeting {
	t.Helper()
	m := newMeeting(t)
	m.homes(a, b)
	m.begin(t)
	return m
}

// newMeeting makes the laboratory with its server host: two public addresses, so that NATs can be found out, and IPv6.
func newMeeting(t *testing.T) *meeting {
	t.Helper()
	m := &meeting{lab: netlab.New(t)}
	m.hostS = m.lab.AddHost("server", netlab.WithAddresses(2), netlab.WithIPv6())
	return m
}

// homes makes a home for each, with the same options.
func (m *meeting) homes(a, b netlab.Kind, opts ...netlab.Option) {
	m.homeA, m.homeB = m.lab.AddNAT("home-a", a, opts...), m.lab.AddNAT("home-b", b, opts...)
	m.hostA, m.hostB = m.homeA.AddHost("alice"), m.homeB.AddHost("bob")
}

// The server's ports in the laboratory, where it has every one.
const (
	portC2S    = 5222
	portShared = 443
)

// startLabServer starts the server with every listener, on the usual ports of all its addresses.
func startLabServer(t *testing.T, host *netlab.Host, more ...string) *Server {
	t.Helper()
	s := startServer(t, host, append(more, "--listen-c2s", fmt.Sprintf(":%d", portC2S), "--listen-shared", fmt.Sprintf(":%d", portShared))...)
	for _, account := range []string{"alice@localhost", "bob@localhost"} {
		s.AddAccount(t, account)
	}
	return s
}

// door is how a client behind a box reaches the server: by the port that any network lets out if that is all it does.
func (m *meeting) door(home *netlab.NAT, host *netlab.Host) []string {
	addr := m.hostS.Addr()
	if len(host.Addrs()) == 0 {
		addr = m.hostS.Addr6()
	}
	if home != nil && home.Kind() == netlab.TCP443Only {
		return []string{"--server", netip.AddrPortFrom(addr, portShared).String(), "--transport", "tls"}
	}
	return []string{"--server", netip.AddrPortFrom(addr, portC2S).String()}
}

// begin starts the server and signs both in.
func (m *meeting) begin(t *testing.T, more ...string) {
	t.Helper()
	keep := Watched(func(Event) bool { return true })
	m.beginWatched(t, keep, keep, more...)
}

func (m *meeting) beginWatched(t *testing.T, watchA, watchB Watched, more ...string) {
	t.Helper()
	m.server = startLabServer(t, m.hostS, m.flags...)
	more = append(more, "--log-level", "info")
	m.alice = watchA.Launch(t, m.hostA, m.server, "alice@localhost", t.TempDir(), append(m.door(m.homeA, m.hostA), more...)...)
	m.bob = watchB.Launch(t, m.hostB, m.server, "bob@localhost", t.TempDir(), append(m.door(m.homeB, m.hostB), more...)...)
	for _, p := range []*Person{m.alice, m.bob} {
		p.Await(t, "online", func(e Event) bool { return e.Event == "online" })
	}
	Befriend(t, m.alice, m.bob)
}

// talk is numbered messages both ways at a steady pace, until stopped.
type talk struct {
	stop chan struct{}
	done sync.WaitGroup

	mu     sync.Mutex // guards the rest
	sent   [2]int     // by alice, by bob
	failed error
}

func (m *meeting) talk(pace time.Duration) *talk {
	k := &talk{stop: make(chan struct{})}
	for i, p := range [][2]*Person{{m.alice, m.bob}, {m.bob, m.alice}} {
		k.done.Go(func() {
			if err := k.write(i, p[0], p[1], pace); err != nil {
				k.mu.Lock()
				k.failed = err
				k.mu.Unlock()
			}
		})
	}
	return k
}

func (k *talk) write(i int, from, to *Person, pace time.Duration) error {
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for n := 0; ; n++ {
		if err := from.Try(map[string]any{"cmd": "send", "to": to.Account, "id": fmt.Sprintf("%s%d", from.Name, n), "body": from.Numbered(n)}); err != nil {
			return err
		}
		k.mu.Lock()
		k.sent[i] = n + 1
		k.mu.Unlock()
		select {
		case <-ticker.C:
		case <-k.stop:
			return nil
		}
	}
}

// soFar tells how many were sent by each.
func (k *talk) soFar() [2]int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.sent
}

// end stops and tells how many were sent by each.
func (k *talk) end(t *testing.T) [2]int {
	t.Helper()
	close(k.stop)
	k.done.Wait()
	if k.failed != nil {
		t.Fatal(k.failed)
	}
	return k.sent
}
