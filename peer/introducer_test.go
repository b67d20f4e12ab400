package peer

import (
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"godwit/jid"
	"godwit/link"
	"godwit/link/linktest"
	"godwit/stanza"
	"godwit/xep/jingle"
	"godwit/xep/xmlstreamapp"
	"godwit/xmlstream"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a Transport whose two halves find each other in a table.
type memory struct {
	mu         sync.Mutex
	offers     map[string]*memoryHalf // by sid, initiators
	mute       bool                   // never connects
	fail       error                  // Offer and Answer fail
	failAnswer error                  // Answer alone fails
	space      string                 // namespace; testTransport unless set
	made       []*memoryHalf
}

type memoryHalf struct {
	m      *memory
	p      Params
	remote bool
	infos  int
	closed bool
	link   link.Link
}

func (m *memory) Namespace() string { return testTransport }

func (m *memory) Offer(p Params) (Session, error) { return m.start(p, true) }

func (m *memory) Answer(p Params, remote xmlstream.Node) (Session, error) {
	if remote.Attr("ufrag") == "" {
		return nil, stanza.ErrBadRequest()
	}
	if m.failAnswer != nil {
		return nil, m.failAnswer
	}
	return m.start(p, false)
}

func (m *memory) name() string {
	if m.space != "" {
		return m.space
	}
	return testTransport
}

func (m *memory) start(p Params, offer bool) (Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return nil, m.fail
	}
	h := &memoryHalf{m: m, p: p}
	m.made = append(m.made, h)
	p.Events.Candidates(transportIn(m.name(), "srflx")) // before the caller has the half
	if offer {
		m.offers[p.SID] = h
	} else {
		h.remote = true
		h.meet(m.offers[p.SID])
	}
	return h, nil
}

// meet connects two halves that know each other, on a goroutine of its own.
func (h *memoryHalf) meet(other *memoryHalf) {
	if other == nil || !other.remote || !h.remote || h.m.mute {
		return
	}
	a, b := linktest.Pipe(linktest.Options{})
	h.link, other.link = a, b
	go h.p.Events.Connected(a, Path{Transport: h.m.name()})
	go other.p.Events.Connected(b, Path{Transport: h.m.name()})
}

func (h *memoryHalf) Local() xmlstream.Node { return transportIn(h.m.name(), "host") }

func (h *memoryHalf) Remote(n xmlstream.Node) error {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	h.remote = true
	for _, other := range h.m.made {
		if other != h && other.p.SID == h.p.SID {
			h.meet(other)
		}
	}
	return nil
}

func (h *memoryHalf) Info(xmlstream.Node) error {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	h.infos++
	return nil
}

func (h *memoryHalf) Close() {
	h.m.mu.Lock()
	defer h.m.mu.Unlock()
	h.closed = true
	if h.link != nil {
		h.link.Abort()
	}
}

// pairOf joins two introducers by a server that never loses anything.
func pairOf(m *memory, config Config) (a, b *Introducer, reportsA, reportsB chan Report) {
	reportsA, reportsB = make(chan Report, 100), make(chan Report, 100)
	m.offers = make(map[string]*memoryHalf)
	config.Transports = append([]Transport{m}, config.Transports...)
	if config.Policy == nil {
		config.Policy = func(jid.JID) Decision { return Decision{Talk: true, Addresses: AllAddresses} }
	}
	ca, cb := config, config
	ca.Send = func(s *stanza.Stanza) error { b.HandleIQ(s.WithFrom(alice)); return nil }
	cb.Send = func(s *stanza.Stanza) error { a.HandleIQ(s.WithFrom(bob)); return nil }
	ca.Report = func(r Report) { reportsA <- r }
	cb.Report = func(r Report) { reportsB <- r }
	a, b = New(ca), New(cb)
	a.SetSelf(alice)
	b.SetSelf(bob)
	return a, b, reportsA, reportsB
}

var allFeatures = []string{jingle.NS, xmlstreamapp.NS, testTransport}

func TestIntroducer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		a, b, ra, rb := pairOf(m, Config{})
		if err := a.Connect(bob, allFeatures); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		var ups [2]Report
		for i, reports := range []chan Report{ra, rb} {
			first, second := <-reports, <-reports
			if first.State != Connecting || second.State != Up || first.Key != second.Key {
				t.Fatalf("%v then %v", first, second)
			}
			ups[i] = second
		}
		if ups[0].Role != Initiator || ups[1].Role != Responder || ups[0].Path.Transport != testTransport {
			t.Errorf("%+v", ups)
		}
		if m.made[0].infos != 1 || m.made[1].infos != 1 {
			t.Errorf("candidates: %d and %d", m.made[0].infos, m.made[1].infos)
		}
		// It is there: connecting again, from either side, does nothing.
		_ = a.Connect(bob, allFeatures)
		_ = b.Connect(alice, allFeatures)
		synctest.Wait()
		if len(m.made) != 2 || len(ra)+len(rb) != 0 {
			t.Errorf("%d halves, %d and %d reports", len(m.made), len(ra), len(rb))
		}
		// The end of the link is the end of the session, on both sides.
		ups[0].Link.Abort()
		if _, err := ups[1].Link.Read(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Error(err) // read to its end although the peer has ended the session already
		}
		if err := a.Disconnect(bob); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if d := <-ra; d.State != Down || d.Reason.Condition != jingle.Success {
			t.Errorf("%+v", d)
		}
		if d := <-rb; d.State != Down {
			t.Errorf("%+v", d)
		}
		a.Close()
		b.Close()
		a.Close()
		if !m.made[0].closed || !m.made[1].closed {
			t.Error("a half was not closed")
		}
		if err := a.Connect(bob, allFeatures); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
}

func TestIntroducerTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{mute: true}
		a, b, ra, rb := pairOf(m, Config{Timeouts: Timeouts{Connect: 7 * time.Second}})
		begun := time.Now()
		if err := a.Connect(bob, allFeatures); err != nil {
			t.Fatal(err)
		}
		for _, reports := range []chan Report{ra, rb} {
			<-reports
			if d := <-reports; d.State != Down || d.Reason.Condition != jingle.FailedTransport {
				t.Errorf("%+v", d)
			}
		}
		if took := time.Since(begun); took != 7*time.Second {
			t.Errorf("after %v", took)
		}
		a.Close()
		b.Close()
	})
}

func TestIntroducerWhenTheServerIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reports := make(chan Report, 10)
		m := &memory{offers: make(map[string]*memoryHalf)}
		a := New(Config{
			Send:       func(*stanza.Stanza) error { return errors.New("away") },
			Transports: []Transport{m},
			Policy:     func(jid.JID) Decision { return Decision{Talk: true, Addresses: AllAddresses} },
			Report:     func(r Report) { reports <- r },
		})
		a.SetSelf(alice)
		_ = a.Connect(bob, allFeatures)
		<-reports
		if d := <-reports; d.Reason.Condition != jingle.Timeout {
			t.Errorf("%+v", d)
		}
		a.Close()
	})
}

func TestIntroducerRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		talk := true
		a, b, ra, rb := pairOf(m, Config{Policy: func(jid.JID) Decision { return Decision{Talk: talk, Addresses: AllAddresses} }})
		defer a.Close()
		defer b.Close()
		if err := a.Connect(bob.Bare(), allFeatures); !errors.Is(err, ErrNotFull) {
			t.Error(err)
		}
		for _, features := range [][]string{nil, {testTransport}, {xmlstreamapp.NS}, {xmlstreamapp.NS, "urn:other"}} {
			if err := a.Connect(bob, features); !errors.Is(err, ErrNoTransport) {
				t.Errorf("%q: %v", features, err)
			}
		}
		down := func(why string, want error) {
			t.Helper()
			if err := a.Connect(bob, allFeatures); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if r := <-ra; r.State != Connecting {
				t.Errorf("%s: %+v", why, r)
			}
			if r := <-ra; r.State != Down || want != nil && !errors.Is(r.Reason.Err, want) {
				t.Errorf("%s: %+v", why, r)
			}
		}
		m.fail = errors.New("no socket")
		down("our half cannot be made", m.fail)
		m.fail = nil
		talk = false
		down("the settings say no", nil)
		if len(m.made) != 0 || len(rb) != 0 {
			t.Error("something was made nevertheless")
		}
	})
}

func TestHandleIQTellsWhatIsOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		a, b, _, _ := pairOf(m, Config{})
		defer a.Close()
		defer b.Close()
		roster := stanza.Build(stanza.IQ, stanza.Set, alice, bob, "1", func(e *xmlstream.Encoder) { e.Start("jabber:iq:roster", "query").End() })
		for _, s := range []*stanza.Stanza{
			roster,
			stanza.Build(stanza.IQ, stanza.Get, alice, bob, "1", nil),
			stanza.Build(stanza.IQ, stanza.Result, alice, bob, "jingle-of-another-1", nil),
			stanza.Build(stanza.Message, stanza.Chat, alice, bob, a.prefix+"1", nil),
		} {
			if a.HandleIQ(s) {
				t.Errorf("took %v", s)
			}
		}
		for _, s := range []*stanza.Stanza{
			request(bob, "1", offerOf("s")),
			stanza.Build(stanza.IQ, stanza.Result, alice, bob, a.prefix+"1", nil),
		} {
			if !a.HandleIQ(s) {
				t.Errorf("left %v", s)
			}
		}
		if got := a.Features(); !slices.Equal(got, allFeatures) {
			t.Errorf("%q", got)
		}
	})
}

func TestIntroducerIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var refused int
		block := make(chan struct{})
		var mu sync.Mutex
		a := New(Config{
			Send: func(s *stanza.Stanza) error {
				mu.Lock()
				defer mu.Unlock()
				if s.IsError() && s.Err().Condition == "resource-constraint" {
					refused++
				}
				return nil
			},
			Transports: []Transport{&memory{offers: make(map[string]*memoryHalf)}},
			Policy:     func(jid.JID) Decision { <-block; return Decision{} },
		})
		a.HandleIQ(request(bob, "1", offerOf("s")))
		synctest.Wait() // the goroutine is busy with the first
		for range maxQueued + 10 {
			a.HandleIQ(request(bob, "1", offerOf("s")))
		}
		mu.Lock()
		if refused != 10 {
			t.Errorf("%d refused", refused)
		}
		mu.Unlock()
		close(block)
		a.Close()
	})
}

// linked brings up one session of a, and returns both halves and the reports so far.
func linked(t *testing.T, m *memory, a *Introducer, ra, rb chan Report) (up [2]Report) {
	t.Helper()
	if err := a.Connect(bob, allFeatures); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	for i, reports := range []chan Report{ra, rb} {
		<-reports
		if up[i] = <-reports; up[i].State != Up {
			t.Fatalf("%+v", up[i])
		}
	}
	return up
}

func TestASessionCanGetABetterLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		a, b, ra, rb := pairOf(m, Config{})
		first := linked(t, m, a, ra, rb)
		events := m.made[0].p.Events

		events.Moved(first[0].Link, Path{Transport: testTransport, RemoteKind: "prflx"})
		synctest.Wait()
		if r := <-ra; r.State != Moved || r.Link != first[0].Link || r.Path.RemoteKind != "prflx" || r.Key != first[0].Key {
			t.Errorf("%+v", r)
		}

		better, far := linktest.Pipe(linktest.Options{})
		events.Connected(better, Path{Transport: testTransport, LocalKind: "host"})
		synctest.Wait()
		second := <-ra
		if second.State != Up || second.Key != first[0].Key || second.Link != better || second.Role != Initiator || second.Path.LocalKind != "host" {
			t.Fatalf("%+v", second)
		}
		first[0].Link.Abort() // the receiver has moved
		synctest.Wait()
		events.Moved(first[0].Link, Path{}) // late
		synctest.Wait()
		if len(ra) != 0 {
			t.Fatalf("the end of the older link ended the session: %+v", <-ra)
		}
		better.Abort()
		synctest.Wait()
		if d := <-ra; d.State != Down || d.Reason.Condition != jingle.Success {
			t.Errorf("%+v", d)
		}
		far.Abort()
		a.Close()
		b.Close()
	})
}

func TestTheEndOfASessionEndsAllItsLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		a, b, ra, rb := pairOf(m, Config{})
		first := linked(t, m, a, ra, rb)
		events := m.made[0].p.Events
		var ends []link.Link
		for range maxLinks - 1 {
			l, far := linktest.Pipe(linktest.Options{})
			ends = append(ends, far)
			events.Connected(l, Path{})
			synctest.Wait()
			if r := <-ra; r.State != Up {
				t.Fatalf("%+v", r)
			}
		}
		extra, far := linktest.Pipe(linktest.Options{})
		events.Connected(extra, Path{})
		<-extra.Done()
		far.Abort()
		synctest.Wait()
		if len(ra) != 0 {
			t.Fatalf("a link too many: %+v", <-ra)
		}
		if err := b.Disconnect(alice); err != nil { // by the peer: links may end by themselves first
			t.Fatal(err)
		}
		synctest.Wait()
		<-rb
		for _, far := range ends {
			far.Abort()
		}
		if d := <-ra; d.State != Down || !d.Reason.Remote {
			t.Errorf("%+v", d)
		}
		<-first[0].Link.Done()
		late, far := linktest.Pipe(linktest.Options{})
		events.Connected(late, Path{})
		<-late.Done()
		far.Abort()
		a.Close()
		b.Close()
	})
}
