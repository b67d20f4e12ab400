package story

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"godwit/client"
	"godwit/client/cache/memory"
	"godwit/jid"
	"godwit/link"
	"godwit/link/tcp"
	"godwit/netlab"
	"godwit/peer"
	"godwit/peer/quic"
	"godwit/stream"
	"godwit/xep/extdisco"
)

// recorder keeps everything that a client's server hands it, above encryption.
type recorder struct {
	link.Dialer

	mu   sync.Mutex // guards text
	text strings.Builder
}

func (r *recorder) Dial(ctx context.Context, domain string) (link.Link, error) {
	l, err := r.Dialer.Dial(ctx, domain)
	if err != nil {
		return nil, err
	}
	return recorded{l, l.(link.Secured), r}, nil
}

func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

type recorded struct {
	link.Link
	link.Secured
	to *recorder
}

func (l recorded) Read() (link.Frame, error) {
	f, err := l.Link.Read()
	if f.Kind == link.Element {
		l.to.mu.Lock()
		fmt.Fprintf(&l.to.text, "<%s %v>%s\n", f.Element.Name.Local, f.Element.Attrs, f.Element.Inner)
		l.to.mu.Unlock()
	}
	return f, err
}

// laboratoryDialer connects from a host, with TLS from the first byte.
func laboratoryDialer(t *testing.T, host *netlab.Host, s *Server, at netip.AddrPort) *tcp.Dialer {
	t.Helper()
	text, err := os.ReadFile(s.CA())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	return &tcp.Dialer{TLS: &tls.Config{RootCAs: roots}, Server: at.String(), Mode: tcp.DirectTLS, DialContext: host.Dial}
}

// watcher is bob as a client inside this process, whose link with the server is recorded.
type watcher struct {
	*client.Client
	seen *recorder
	told chan client.Event
}

func watch(t *testing.T, host *netlab.Host, s *Server, server netip.Addr) *watcher {
	t.Helper()
	socket, err := host.ListenUDP(netip.AddrPort{})
	if err != nil {
		t.Fatal(err)
	}
	transport, err := quic.New(quic.Config{Socket: socket})
	if err != nil {
		t.Fatal(err)
	}
	transport.SetServices([]extdisco.Service{{Type: "stun", Host: server.String(), Port: 3478, Transport: "udp"}})
	w := &watcher{seen: &recorder{Dialer: laboratoryDialer(t, host, s, netip.AddrPortFrom(server, portShared))}, told: make(chan client.Event, 4096)}
	w.Client, err = client.New(client.Config{JID: jid.MustParse("bob@localhost"), Password: password("bob@localhost"), Dialer: w.seen, Cache: memory.New(),
		Transports: []peer.Transport{transport}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = w.Run(ctx) })
	running.Go(func() {
		for e := range w.Events() {
			select {
			case w.told <- e:
			default: // the test has ended or does not look
			}
		}
	})
	t.Cleanup(func() {
		stop()
		running.Wait()
		_ = transport.Close()
	})
	return w
}

// await returns the next event that matches.
func (w *watcher) await(t *testing.T, what string, match func(client.Event) bool) {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case e := <-w.told:
			if match(e) {
				return
			}
		case <-deadline:
			t.Fatalf("bob waited for %s", what)
		}
	}
}

var candidate = regexp.MustCompile(`<candidate[^>]*>`)

type privacyCase struct {
	name, share string
	writer      string // who writes introduces
	hidden      bool
}

// TestNeverTellsNoAddress: with `--share-address never` no packet goes to the peer, and nothing that the peer's client is told has an address of
// this one; a chat goes by the relay all the same. The same chat with the default setting shows that the test would see it.
func TestNeverTellsNoAddress(t *testing.T) {
	for _, c := range []privacyCase{
		{"never, alice writes", "never", "alice", true},
		{"never, bob writes", "never", "bob", true},
		{"chats", "chats", "alice", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := newMeeting(t)
			m.homes(netlab.PortRestricted, netlab.PortRestricted)
			captures := []*netlab.Capture{m.homeA.Capture(), m.homeB.Capture(), m.hostA.Capture()}
			m.server = startLabServer(t, m.hostS)
			m.alice = SignIn(t, m.hostA, m.server, "alice@localhost", t.TempDir(), append(m.door(m.homeA, m.hostA), "--share-address", c.share, "--log-level", "info")...)
			bob := watch(t, m.hostB, m.server, m.hostS.Addr())
			bob.await(t, "the sign-in", func(e client.Event) bool { _, ok := e.(client.Online); return ok })
			m.alice.Do(t, map[string]any{"cmd": "subscribe", "jid": "bob@localhost"})
			bob.await(t, "the request", func(e client.Event) bool { _, ok := e.(client.SubscriptionAsked); return ok })
			if err := bob.Accept(t.Context(), jid.MustParse("alice@localhost")); err != nil {
				t.Fatal(err)
			}
			m.alice.Await(t, "bob with direct links", func(e Event) bool {
				return e.Event == "presence" && e.Direct && strings.HasPrefix(e.From, "bob@localhost")
			})

			want := direct
			if c.hidden {
				want = relayed
			}
			say := func(i int) {
				if c.writer == "alice" {
					m.alice.Do(t, map[string]any{"cmd": "send", "to": "bob@localhost", "id": fmt.Sprint("n", i), "body": "hello"})
				} else if _, err := bob.Send(t.Context(), client.Outgoing{To: jid.MustParse("alice@localhost"), Body: "hello"}); err != nil {
					t.Fatal(err)
				}
			}
			start := time.Now()
			say(0)
			bob.await(t, "a link by "+want, func(e client.Event) bool {
				l, ok := e.(client.LinkChanged)
				return ok && l.State == client.LinkUp && string(l.Path) == want
			})
			t.Logf("link by %s after %v", want, ms(time.Since(start)))
			for n := 1; ; n++ { // the writer's client may not have moved to the link yet
				say(n)
				id := fmt.Sprint("n", n)
				if c.writer == "bob" {
					id = ""
				}
				e := m.alice.Await(t, "the message", func(e Event) bool {
					return e.Event == "delivered" && e.ID == id || e.Event == "message" && id == ""
				})
				if e.Path == want {
					break
				}
			}
			for n := range 20 {
				say(1000 + n)
			}
			c.check(t, m, captures, bob.seen.String())
		})
	}
}

func (c privacyCase) check(t *testing.T, m *meeting, captures []*netlab.Capture, told string) {
	inner, outer := m.hostA.Addr(), m.homeA.Addr()
	packets, told4 := 0, 0
	for _, capture := range captures {
		for _, mine := range []netip.Addr{inner, outer} {
			for _, his := range []netip.Addr{m.hostB.Addr(), m.homeB.Addr()} {
				for _, p := range capture.Between(mine, his) {
					if packets++; c.hidden {
						t.Errorf("a packet between the two: %v", p)
					}
				}
			}
		}
	}
	for _, a := range []netip.Addr{inner, outer} {
		if told4 += strings.Count(told, a.String()); c.hidden && strings.Contains(told, a.String()) {
			t.Errorf("bob was told %v:\n%s", a, told)
		}
	}
	candidates := candidate.FindAllString(told, -1)
	if len(candidates) == 0 {
		t.Errorf("bob was told no candidate at all:\n%s", told)
	}
	for _, text := range candidates {
		if c.hidden && (!strings.Contains(text, `type='relay'`) || strings.Contains(text, "rel-addr")) {
			t.Errorf("bob was told %s", text)
		}
	}
	if !c.hidden && (packets == 0 || told4 == 0) {
		t.Errorf("the captures have %d packets between the two, and bob was told %d addresses: this test would not see a leak", packets, told4)
	}
	t.Logf("%d packets between the two, %d addresses of alice told, %d candidates", packets, told4, len(candidates))
}

// TestStrangersGetNothing: an offer of a direct link from somebody who is no contact is refused without a candidate and without a packet, also by a
// server that passes it on.
func TestStrangersGetNothing(t *testing.T) {
	t.Parallel()
	m := newMeeting(t)
	m.flags = []string{"--introduce", "anyone"}
	m.homes(netlab.FullCone, netlab.FullCone)
	m.server = startLabServer(t, m.hostS, m.flags...)
	captures := []*netlab.Capture{m.homeA.Capture(), m.homeB.Capture()}
	m.alice = SignIn(t, m.hostA, m.server, "alice@localhost", t.TempDir(), append(m.door(m.homeA, m.hostA), "--share-address", "contacts")...)
	online := m.alice.Told()
	self := online[len(online)-1]
	for _, e := range online {
		if e.Event == "online" {
			self = e
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	seen := &recorder{Dialer: laboratoryDialer(t, m.hostB, m.server, netip.AddrPortFrom(m.hostS.Addr(), portShared))}
	l, err := seen.Dial(ctx, "localhost")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Abort()
	s, session, err := stream.Connect(ctx, l, &stream.ClientConfig{JID: jid.MustParse("bob@localhost"), Password: password("bob@localhost"), NoSM: true})
	if err != nil {
		t.Fatal(err)
	}
	offer := fmt.Sprintf(`<iq to='%s' id='offer' type='set'><jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' initiator='%s' sid='35278c28c0b9e3d006523b3e068c7f13'>`+
		`<content creator='initiator' name='xmlstream'><description xmlns='urn:xmpp:jingle:apps:xmlstream:0'/>`+
		`<transport xmlns='urn:godwit:transports:ice-quic:0' pwd='31ab8be90d6e40877ba70f49bc6b9a45c8d7' ufrag='1477e3bc9490'>`+
		`<fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='actpass'>39:1E:D6:B9:93:58:8A:86:CA:6D:22:3A:EE:06:48:62:9C:1B:A2:E6:95:3B:DF:2D:FA:FB:67:C0:EB:23:E2:CA</fingerprint>`+
		`<candidate component='1' foundation='h4' generation='0' id='1' ip='%v' network='0' port='39033' priority='2122317567' protocol='udp' type='host'/>`+
		`</transport></content></jingle></iq>`, self.JID, session.JID, m.homeB.Addr())
	if err := s.SendRaw([]byte("<presence/>")); err != nil {
		t.Fatal(err)
	}
	if err := s.SendRaw([]byte(offer)); err != nil {
		t.Fatal(err)
	}
	// What alice writes afterwards comes last.
	until(t, s, seen, "the answer", func(all string) bool { return strings.Contains(all, "offer") && strings.Contains(all, "error") })
	m.alice.Do(t, map[string]any{"cmd": "send", "to": "bob@localhost", "id": "last", "body": "who are you?"})
	until(t, s, seen, "a message", func(all string) bool { return strings.Contains(all, "who are you?") })
	told := seen.String()
	if strings.Contains(told, "bad-request") || strings.Contains(told, "feature-not-implemented") {
		t.Errorf("the offer was refused for another reason:\n%s", told)
	}
	for _, secret := range []string{"<candidate", "urn:xmpp:jingle:1'", m.hostA.Addr().String(), m.homeA.Addr().String()} {
		if strings.Contains(told, secret) {
			t.Errorf("a stranger was told %s:\n%s", secret, told)
		}
	}
	for _, c := range captures {
		if got := c.Between(m.homeA.Addr(), m.homeB.Addr()); len(got) > 0 {
			t.Errorf("packets between alice and a stranger: %v", got)
		}
	}
}

// until reads on until what was recorded is enough.
func until(t *testing.T, s *stream.Stream, seen *recorder, what string, enough func(string) bool) {
	t.Helper()
	timer := time.AfterFunc(patience, s.Link().Abort)
	defer timer.Stop()
	for !enough(seen.String()) {
		if _, err := s.Read(); err != nil {
			t.Fatalf("waiting for %s: %v\n%s", what, err, seen)
		}
	}
}
