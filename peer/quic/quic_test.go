package quic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"godwit/jid"
	"godwit/link"
	"godwit/peer"
	"godwit/stanza"
	"godwit/xep/icequic"
	"godwit/xep/icetransport"
	"godwit/xep/jingle"
	"godwit/xmlstream"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		child()
		return
	}
	goleak.VerifyTestMain(m)
}

var (
	alice = jid.MustParse("alice@example.org/a")
	bob   = jid.MustParse("bob@example.org/b")
)

// client is one end: a transport, an introducer, and what they reported.
type client struct {
	t          *testing.T
	self       jid.JID
	transport  *Transport
	introducer *peer.Introducer
	reports    chan peer.Report
	wire       *wire // to the other client
	policy     func() peer.Decision
}

// wire is the server's part: it hands stanzas from one client to the other.
// Deliveries can be looked at, changed, delayed, repeated and reordered.
type wire struct {
	mu     sync.Mutex
	to     *client
	change func(*stanza.Stanza) []*stanza.Stanza
	seen   []*stanza.Stanza
	down   bool
}

func (w *wire) send(s *stanza.Stanza) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down {
		return errors.New("the server is away")
	}
	w.seen = append(w.seen, s)
	list := []*stanza.Stanza{s}
	if w.change != nil {
		list = w.change(s)
	}
	for _, s := range list {
		w.to.introducer.HandleIQ(s)
	}
	return nil
}

func testLogger() *slog.Logger {
	if os.Getenv("VERBOSE") == "" {
		return nil
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func newClient(t *testing.T, self jid.JID, config Config) *client {
	t.Helper()
	if config.Logger == nil {
		config.Logger = testLogger()
	}
	transport, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	c := &client{
		t: t, self: self, transport: transport, reports: make(chan peer.Report, 100), wire: &wire{},
		policy: func() peer.Decision { return peer.Decision{Talk: true, Addresses: peer.AllAddresses} },
	}
	c.introducer = peer.New(peer.Config{
		Send:       func(s *stanza.Stanza) error { return c.wire.send(s.WithFrom(self)) },
		Transports: []peer.Transport{transport},
		Policy:     func(jid.JID) peer.Decision { return c.policy() },
		Report:     func(r peer.Report) { c.reports <- r },
	})
	c.introducer.SetSelf(self)
	t.Cleanup(func() {
		c.introducer.Close()
		if err := transport.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// two makes two clients that know each other.
func two(t *testing.T) (a, b *client) {
	t.Helper()
	config := Config{Address: netip.MustParseAddrPort("127.0.0.1:0"), Loopback: true}
	return join(newClient(t, alice, config), newClient(t, bob, config))
}

func join(a, b *client) (*client, *client) {
	a.wire.to, b.wire.to = b, a
	return a, b
}

var features = []string{jingle.NS, "urn:xmpp:jingle:apps:xmlstream:0", icequic.NS}

func (c *client) connect(to *client) {
	c.t.Helper()
	if err := c.introducer.Connect(to.self, features); err != nil {
		c.t.Fatal(err)
	}
}

// wait returns the next report of a state, skipping others.
func (c *client) wait(state peer.State) peer.Report {
	c.t.Helper()
	timeout := time.After(30 * time.Second)
	for {
		select {
		case r := <-c.reports:
			if r.State == state {
				return r
			}
			if r.State == peer.Down && state == peer.Up && r.Reason.Condition != peer.TieBreak {
				c.t.Fatalf("%v: down instead of up: %v", c.self, r.Reason)
			}
		case <-timeout:
			c.t.Fatalf("%v: never %v", c.self, state)
		}
	}
}

// talk sends a message each way and checks that it arrives.
func talk(t *testing.T, first, second link.Link) {
	t.Helper()
	for _, direction := range []struct{ from, to link.Link }{{first, second}, {second, first}} {
		if err := direction.from.Open(link.Header{To: "x", From: "y", Version: "1.0"}); err != nil {
			t.Fatal(err)
		}
		frame, err := direction.to.Read()
		if err != nil || frame.Kind != link.Open {
			t.Fatalf("%v, %v", frame.Kind, err)
		}
		say(t, direction.from, direction.to, "hello")
	}
}

func say(t *testing.T, from, to link.Link, text string) {
	t.Helper()
	m := stanza.Build(stanza.Message, stanza.Chat, bob, alice, "1", func(e *xmlstream.Encoder) { e.Leaf("jabber:client", "body", text) })
	if err := from.Send(m.Append(nil, from.InheritedNS())); err != nil {
		t.Fatal(err)
	}
	frame, err := to.Read()
	if err != nil || frame.Kind != link.Element || !strings.Contains(string(frame.Element.Inner), text) {
		t.Fatalf("%v %s, %v", frame.Kind, frame.Element.Inner, err)
	}
}

func TestDirectLink(t *testing.T) {
	a, b := two(t)
	a.connect(b)
	ra, rb := a.wait(peer.Up), b.wait(peer.Up)
	if ra.Role != peer.Initiator || rb.Role != peer.Responder || ra.Key.SID != rb.Key.SID {
		t.Fatalf("%+v %+v", ra, rb)
	}
	if ra.Link.Kind() != link.DirectQUIC || !ra.Link.Kind().Direct() {
		t.Errorf("kind %v", ra.Link.Kind())
	}
	if ra.Path.Remote != b.transport.mux.LocalAddr() || rb.Path.Remote != a.transport.mux.LocalAddr() ||
		ra.Path.Local != a.transport.mux.LocalAddr() || ra.Path.Relayed || ra.Path.LocalKind != "host" {
		t.Errorf("%+v %+v", ra.Path, rb.Path)
	}
	talk(t, ra.Link, rb.Link)
	if q := ra.Link.Quality(); q.RTT <= 0 || q.BytesIn == 0 || q.BytesOut == 0 || q.LastHeard.IsZero() {
		t.Errorf("%+v", q)
	}
	// Connecting again changes nothing.
	a.connect(b)
	b.connect(a)

	// The initiator ends the stream: the other reads it to its end.
	final := ra.Link
	say(t, final, rb.Link, "last words")
	if err := final.Close(nil); err != nil {
		t.Fatal(err)
	}
	if frame, err := rb.Link.Read(); err != nil || frame.Kind != link.Close {
		t.Fatalf("%v, %v", frame.Kind, err)
	}
	if _, err := rb.Link.Read(); !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	_ = rb.Link.Close(nil)
	for _, c := range []*client{a, b} {
		if r := c.wait(peer.Down); r.Reason.Condition != jingle.Success {
			t.Errorf("%v: %v", c.self, r.Reason)
		}
	}
}

func TestSimultaneousOffersEndInOneLink(t *testing.T) {
	a, b := two(t)
	// Hold both wires until both have offered.
	var held []func()
	var mu sync.Mutex
	hold := func(to *client) func(*stanza.Stanza) []*stanza.Stanza {
		return func(s *stanza.Stanza) []*stanza.Stanza {
			mu.Lock()
			defer mu.Unlock()
			if len(held) < 2 && s.Type == stanza.Set {
				held = append(held, func() { to.introducer.HandleIQ(s) })
				if len(held) == 2 {
					for _, deliver := range held {
						deliver()
					}
				}
				return nil
			}
			return []*stanza.Stanza{s}
		}
	}
	a.wire.change, b.wire.change = hold(b), hold(a)
	a.connect(b)
	b.connect(a)
	ra, rb := a.wait(peer.Up), b.wait(peer.Up)
	if ra.Key.SID != rb.Key.SID || ra.Role == rb.Role {
		t.Fatalf("%+v %+v", ra, rb)
	}
	talk(t, ra.Link, rb.Link)
	for _, c := range []*client{a, b} {
		c.introducer.Close()
		ups := 1
		for len(c.reports) > 0 {
			if r := <-c.reports; r.State == peer.Up {
				ups++
			}
		}
		if ups != 1 {
			t.Errorf("%v had %d links", c.self, ups)
		}
	}
}

// TestDisorderedSignalling delivers stanzas late, twice and in another order
// after the offer itself, and still gets a link.
func TestDisorderedSignalling(t *testing.T) {
	for seed := range 5 {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			a, b := two(t)
			var running sync.WaitGroup
			defer running.Wait()
			random := rand.New(rand.NewSource(int64(seed)))
			var mu sync.Mutex
			disturb := func(to *client) func(*stanza.Stanza) []*stanza.Stanza {
				return func(s *stanza.Stanza) []*stanza.Stanza {
					mu.Lock()
					defer mu.Unlock()
					for range 1 + random.Intn(2) {
						delay := time.Duration(random.Intn(60)) * time.Millisecond
						running.Go(func() {
							time.Sleep(delay) // the disturbance itself
							to.introducer.HandleIQ(s)
						})
					}
					return nil
				}
			}
			a.wire.change, b.wire.change = disturb(b), disturb(a)
			a.connect(b)
			talk(t, a.wait(peer.Up).Link, b.wait(peer.Up).Link)
		})
	}
}

// withTransport rewrites the <transport/> of a Jingle stanza.
func withTransport(s *stanza.Stanza, change func(*icequic.Transport)) *stanza.Stanza {
	n, ok := s.Child(jingle.NS, "jingle")
	if !ok {
		return s
	}
	j, err := jingle.Parse(n)
	if err != nil || len(j.Contents) == 0 || j.Contents[0].Transport.IsZero() {
		return s
	}
	tr, err := icequic.Parse(j.Contents[0].Transport)
	if err != nil {
		return s
	}
	change(&tr)
	j.Contents[0].Transport = tr.Node()
	return stanza.Build(s.Kind, s.Type, s.To, s.From, s.ID, j.Encode)
}

// TestWrongFingerprintIsRefused: whoever can change the introduction of one side
// only gets no link.
func TestWrongFingerprintIsRefused(t *testing.T) {
	for _, who := range []string{"offer", "answer"} {
		t.Run(who, func(t *testing.T) {
			a, b := two(t)
			forge := func(s *stanza.Stanza) []*stanza.Stanza {
				return []*stanza.Stanza{withTransport(s, func(tr *icequic.Transport) {
					if tr.Fingerprint != nil {
						tr.Fingerprint.Value[7] ^= 1
					}
				})}
			}
			if who == "offer" {
				a.wire.change = forge
			} else {
				b.wire.change = forge
			}
			a.connect(b)
			for _, c := range []*client{a, b} {
				r := c.wait(peer.Down)
				if r.Reason.Condition != jingle.FailedTransport {
					t.Errorf("%v: %v", c.self, r.Reason)
				}
			}
		})
	}
}

func TestAnswerDecidesWhoDials(t *testing.T) {
	// An initiator that insists on being the QUIC client.
	a, b := two(t)
	a.wire.change = func(s *stanza.Stanza) []*stanza.Stanza {
		return []*stanza.Stanza{withTransport(s, func(tr *icequic.Transport) {
			if tr.Fingerprint != nil {
				tr.Fingerprint.Setup = icetransport.Active
			}
		})}
	}
	a.connect(b)
	talk(t, a.wait(peer.Up).Link, b.wait(peer.Up).Link)
}

// TestNeverShowsNoAddress: with addresses hidden and no relay, neither a
// candidate nor a packet leaves, in either role.
func TestNeverShowsNoAddress(t *testing.T) {
	a, b := two(t)
	a.policy = func() peer.Decision { return peer.Decision{Talk: true, Addresses: peer.RelayOnly} }
	check := func() {
		t.Helper()
		a.wire.mu.Lock()
		defer a.wire.mu.Unlock()
		for _, s := range a.wire.seen {
			if strings.Contains(s.String(), "candidate") || strings.Contains(s.String(), "127.0.0.1") {
				t.Errorf("an address went out: %v", s)
			}
		}
		if got := b.transport.mux.Stats(); got.STUN != 0 || got.QUIC != 0 {
			t.Errorf("packets went out: %+v", got)
		}
	}
	a.connect(b)
	if r := a.wait(peer.Down); !errors.Is(r.Reason.Err, ErrNoAddresses) {
		t.Errorf("%v", r.Reason)
	}
	check()
	b.connect(a)
	if r := b.wait(peer.Down); r.Reason.Condition != jingle.FailedTransport {
		t.Errorf("%v", r.Reason)
	}
	check()
}

func TestStrangersGetNothing(t *testing.T) {
	a, b := two(t)
	b.policy = func() peer.Decision { return peer.Decision{} }
	a.connect(b)
	if r := a.wait(peer.Down); !errors.Is(r.Reason.Err, stanza.ErrServiceUnavailable()) {
		t.Errorf("%v", r.Reason)
	}
	if len(b.reports) != 0 {
		t.Error("the stranger was noticed further up")
	}
	b.wire.mu.Lock()
	defer b.wire.mu.Unlock()
	if len(b.wire.seen) != 1 || strings.Contains(b.wire.seen[0].String(), "candidate") {
		t.Errorf("answered %v", b.wire.seen)
	}
}

func TestReflexiveCandidatesAreTrickled(t *testing.T) {
	config := Config{Loopback: true} // the wildcard: hosts and the mapped address differ by policy only
	a, b := join(newClient(t, alice, config), newClient(t, bob, config))
	server := stunServer(t)
	onlyReflexive := func() peer.Decision {
		return peer.Decision{Talk: true, Addresses: peer.Addresses{Reflexive: true}}
	}
	a.policy, b.policy = onlyReflexive, onlyReflexive
	a.transport.SetServices(append(stunAt(server), stunAt("127.0.0.1:1")...))
	b.transport.SetServices(stunAt(server))
	a.connect(b)
	ra, rb := a.wait(peer.Up), b.wait(peer.Up)
	talk(t, ra.Link, rb.Link)
	for _, c := range []*client{a, b} {
		c.wire.mu.Lock()
		infos := 0
		for _, s := range c.wire.seen {
			text := s.String()
			if strings.Contains(text, "type='host'") || strings.Contains(text, "rel-addr") {
				t.Errorf("%v showed what it may not: %s", c.self, text)
			}
			if strings.Contains(text, "transport-info") && strings.Contains(text, "srflx") {
				infos++
			}
		}
		c.wire.mu.Unlock()
		if infos == 0 {
			t.Errorf("%v trickled nothing", c.self)
		}
	}
	// The next introduction has it in the offer already.
	a.introducer.Disconnect(bob)
	a.wait(peer.Down)
	b.wait(peer.Down)
	a.wire.mu.Lock()
	a.wire.seen = nil
	a.wire.mu.Unlock()
	a.connect(b)
	a.wait(peer.Up)
	a.wire.mu.Lock()
	defer a.wire.mu.Unlock()
	if !strings.Contains(a.wire.seen[0].String(), "srflx") {
		t.Errorf("not offered at once: %v", a.wire.seen[0])
	}
}

// TestServerAwayKeepsTheLink: the introduction needs the server, the link not.
func TestServerAwayKeepsTheLink(t *testing.T) {
	a, b := two(t)
	a.connect(b)
	ra, rb := a.wait(peer.Up), b.wait(peer.Up)
	talk(t, ra.Link, rb.Link)
	for _, c := range []*client{a, b} {
		c.wire.mu.Lock()
		c.wire.down = true
		c.wire.mu.Unlock()
	}
	say(t, ra.Link, rb.Link, "without a server")
	ra.Link.Abort()
	a.wait(peer.Down)
	if _, err := rb.Link.Read(); err == nil {
		t.Error("the end did not arrive by the link itself")
	}
	rb.Link.Abort()
	b.wait(peer.Down)
}

// TestTerminateEndsTheLinkOnBothSides: by the server's path alone.
func TestTerminateEndsTheLinkOnBothSides(t *testing.T) {
	a, b := two(t)
	a.connect(b)
	ra, rb := a.wait(peer.Up), b.wait(peer.Up)
	talk(t, ra.Link, rb.Link)
	if err := b.introducer.Disconnect(alice); err != nil {
		t.Fatal(err)
	}
	if r := a.wait(peer.Down); !r.Reason.Remote || r.Reason.Condition != jingle.Success {
		t.Errorf("%v", r.Reason)
	}
	b.wait(peer.Down)
	<-ra.Link.Done()
	<-rb.Link.Done()
}

// TestReplacementBesideALivingLink: a second introduction with the same two
// sockets, while the first link goes on.
func TestReplacementBesideALivingLink(t *testing.T) {
	a, b := two(t)
	a.connect(b)
	ra, rb := a.wait(peer.Up), b.wait(peer.Up)
	talk(t, ra.Link, rb.Link)
	if err := b.introducer.Replace(alice, features); err != nil {
		t.Fatal(err)
	}
	ra2, rb2 := a.wait(peer.Up), b.wait(peer.Up)
	talk(t, rb2.Link, ra2.Link)
	say(t, ra.Link, rb.Link, "the old one lives")
	_ = ra.Link.Close(nil)
	for {
		if _, err := rb.Link.Read(); err != nil {
			break
		}
	}
	_ = rb.Link.Close(nil)
	if r := b.wait(peer.Down); r.Key != rb.Key {
		t.Fatalf("the wrong one ended: %+v", r)
	}
	say(t, ra2.Link, rb2.Link, "the new one goes on")
}

func TestCloseInEveryPhase(t *testing.T) {
	// Some moments of an introduction, and the end of everything in them. The
	// leak check at the end of the run is the test.
	for _, after := range []int{0, 1, 2, 3, 4, 5, 6} {
		a, b := two(t)
		var mu sync.Mutex
		count := 0
		stop := make(chan struct{})
		observe := func(s *stanza.Stanza) []*stanza.Stanza {
			mu.Lock()
			defer mu.Unlock()
			if count == after {
				close(stop)
			}
			count++
			return []*stanza.Stanza{s}
		}
		a.wire.change, b.wire.change = observe, observe
		a.connect(b)
		if after < 4 {
			<-stop
		} else {
			a.wait(peer.Up)
		}
		if after%2 == 0 {
			a.introducer.Close()
		} else if err := a.transport.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSilentPeerIsNoticed(t *testing.T) {
	if testing.Short() {
		t.Skip("takes the idle timeout")
	}
	a, b := two(t)
	a.connect(b)
	ra, rb := a.wait(peer.Up), b.wait(peer.Up)
	talk(t, ra.Link, rb.Link)
	a.wire.mu.Lock()
	a.wire.down = true
	a.wire.mu.Unlock()
	b.wire.mu.Lock()
	b.wire.down = true
	b.wire.mu.Unlock()
	// Cut b off without a word: its socket is gone.
	_ = b.transport.mux.Close()
	b.wait(peer.Down)
	if r := a.wait(peer.Down); r.Key != ra.Key {
		t.Errorf("%+v", r)
	}
}

func TestPacketsOfOthersDoNotReachQUIC(t *testing.T) {
	a, b := two(t)
	a.connect(b)
	ra, rb := a.wait(peer.Up), b.wait(peer.Up)
	talk(t, ra.Link, rb.Link)
	stranger := newClient(t, jid.MustParse("eve@example.org/e"), Config{Address: netip.MustParseAddrPort("127.0.0.1:0"), Loopback: true})
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	config := stranger.transport.identity.config(ra.Key.SID, nil)
	if _, err := stranger.transport.mux.QUIC().Dial(ctx, udpAddr(a.transport.mux.LocalAddr()), config, quicConfig()); err == nil {
		t.Error("a stranger was let in")
	}
	if a.transport.mux.Stats().Refused == 0 {
		t.Error("nothing was refused")
	}
	say(t, ra.Link, rb.Link, "undisturbed")
}
