package peer

import (
	"errors"
	"fmt"
	"math/rand"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"godwit/jid"
	"godwit/link/linktest"
	"godwit/stanza"
	"godwit/xep/jingle"
	"godwit/xep/reach"
	"godwit/xep/xmlstreamapp"
	"godwit/xmlstream"
)

const (
	second = "urn:test:second"
	third  = "urn:test:third"
)

var testLadder = []string{testTransport, second, third}

// ladderMachine has bob's or our session "s" in state active, with a ladder.
func ladderMachine(t *testing.T, role Role) *Machine {
	t.Helper()
	n := 0
	m := NewMachine(testLadder, func(jid.JID) Decision { return Decision{Talk: true, Addresses: AllAddresses} },
		func() string { n++; return fmt.Sprintf("id%d", n) }, Timeouts{Try: 9 * time.Second})
	m.SetSelf(alice)
	key := Key{bob, "s"}
	if role == Initiator {
		m.Initiate(start, key, AllAddresses, transportNode("host"), second, third)
		m.HandleRequest(start, about(jingle.SessionAccept, "a", role, testTransport))
	} else {
		m.HandleRequest(start, request(bob, "o", offerOf("s")))
		m.Answered(start, key, transportNode("host"))
	}
	return m
}

// about is a request of bob's in session "s" about its content with a transport.
func about(action jingle.Action, id string, role Role, space string) *stanza.Stanza {
	c := jingle.Content{Creator: jingle.Initiator, Name: map[Role]string{Initiator: contentName, Responder: "x"}[role]}
	if space != "" {
		c.Transport = transportIn(space, "host")
	}
	return request(bob, id, jingle.Jingle{Action: action, SID: "s", Contents: []jingle.Content{c}})
}

var sKey = Key{bob, "s"}

// fails makes the transport fail and offers the next, which must be the one named.
func fails(t *testing.T, m *Machine, want string) []Op {
	t.Helper()
	ops := m.Failed(start, sKey, jingle.FailedTransport, nil)
	expect(t, "the transport fails", ops, "REPLACE:"+want)
	ops = m.Reoffer(start, sKey, transportIn(want, "host", "prflx"))
	expect(t, "the next is offered", ops, "transport-replace")
	return ops
}

func TestInitiatorFallsDownTheLadder(t *testing.T) {
	m := ladderMachine(t, Initiator)
	fails(t, m, second)
	expect(t, "candidates found meanwhile", m.Candidates(sKey, transportIn(second, "srflx")), "transport-info")
	expect(t, "late news about the transport before", m.HandleRequest(start, about(jingle.TransportInfo, "i1", Initiator, testTransport)), "feature-not-implemented/unsupported-info")
	expect(t, "accepted", m.HandleRequest(start, about(jingle.TransportAccept, "1", Initiator, second)), "ack", "REMOTE")
	expect(t, "said again", m.HandleRequest(start, about(jingle.TransportAccept, "1", Initiator, second)), "ack")
	expect(t, "accepted twice", m.HandleRequest(start, about(jingle.TransportAccept, "2", Initiator, second)), "unexpected-request/out-of-order")
	expect(t, "its candidates", m.HandleRequest(start, about(jingle.TransportInfo, "i2", Initiator, second)), "ack", "INFO")
	fails(t, m, third)
	expect(t, "rejected: there is no other", m.HandleRequest(start, about(jingle.TransportReject, "3", Initiator, third)), "ack",
		"session-terminate:failed-transport", "END:failed-transport")
}

func TestResponderMayAskToo(t *testing.T) {
	m := ladderMachine(t, Responder)
	fails(t, m, second)
	expect(t, "a rejection that names nothing is meant for what was asked", m.HandleRequest(start, about(jingle.TransportReject, "1", Responder, "")), "ack", "REPLACE:"+third)
	expect(t, "a rejection before it was asked", m.HandleRequest(start, about(jingle.TransportReject, "2", Responder, third)), "unexpected-request/out-of-order")
	m.Reoffer(start, sKey, transportIn(third, "host"))
	expect(t, "of another transport", m.HandleRequest(start, about(jingle.TransportReject, "3", Responder, second)), "unexpected-request/out-of-order")
	expect(t, "accepted", m.HandleRequest(start, about(jingle.TransportAccept, "4", Responder, third)), "ack", "REMOTE")
	if ops, live := m.Connected(start, sKey); !live {
		t.Errorf("dead: %v", ops)
	}
	expect(t, "while there is a link nothing is replaced", m.HandleRequest(start, about(jingle.TransportReplace, "5", Responder, second)), "ack", "transport-reject")
}

func TestReplacementsAreAnswered(t *testing.T) {
	for _, role := range []Role{Initiator, Responder} {
		m := ladderMachine(t, role)
		replace := func(id, space string) []Op {
			return m.HandleRequest(start, about(jingle.TransportReplace, id, role, space))
		}
		expect(t, "the transport that is being tried", replace("1", testTransport), "ack", "transport-reject")
		expect(t, "one that we lack", replace("2", "urn:other"), "ack", "transport-reject")
		expect(t, "one that we have", replace("3", second), "ack", "ANSWER")
		expect(t, "the same request again", replace("3", second), "ack")
		expect(t, "another while the first is unanswered", replace("4", third), "unexpected-request/out-of-order")
		if _, live := m.Connected(start, sKey); live {
			t.Error("a half that was given up has a link")
		}
		expect(t, "candidates of a half that is not there yet", m.Candidates(sKey, transportIn(second, "host")))
		expect(t, "our half", m.Answered(start, sKey, transportIn(second, "host")), "transport-accept")
		expect(t, "what was tried is not tried again", replace("5", testTransport), "ack", "transport-reject")
		expect(t, "nor the one in use", replace("6", second), "ack", "transport-reject")
		expect(t, "the third", replace("7", third), "ack", "ANSWER")
		expect(t, "our half fails: the next move is the peer's", m.Failed(start, sKey, jingle.FailedTransport, nil), "transport-reject")
		expect(t, "and there is none", m.Tick(start.Add(time.Hour)), "session-terminate:failed-transport", "END:failed-transport")
	}
}

func TestBothAskAtOnce(t *testing.T) {
	m := ladderMachine(t, Initiator)
	fails(t, m, second)
	expect(t, "the initiator's stands", m.HandleRequest(start, about(jingle.TransportReplace, "1", Initiator, second)), "conflict/tie-break")
	expect(t, "and is accepted", m.HandleRequest(start, about(jingle.TransportAccept, "2", Initiator, second)), "ack", "REMOTE")

	m = ladderMachine(t, Responder)
	ops := fails(t, m, second)
	refusal := reply(ops, jingle.ErrTieBreak())
	expect(t, "the responder gives way", m.HandleRequest(start, about(jingle.TransportReplace, "1", Responder, second)), "ack", "ANSWER")
	expect(t, "and is told so", m.HandleReply(start, refusal))
	expect(t, "it answers", m.Answered(start, sKey, transportIn(second, "host")), "transport-accept")
	expect(t, "nobody accepts what was withdrawn", m.HandleRequest(start, about(jingle.TransportAccept, "2", Responder, second)), "unexpected-request/out-of-order")

	m = ladderMachine(t, Responder)
	ops = fails(t, m, second)
	expect(t, "told before the other's request is here", m.HandleReply(start, reply(ops, jingle.ErrTieBreak())))
	expect(t, "here it is", m.HandleRequest(start, about(jingle.TransportReplace, "1", Responder, third)), "ack", "ANSWER")
	expect(t, "our half of it", m.Answered(start, sKey, transportIn(third, "host")), "transport-accept")
	expect(t, "ours was never tried, so it is next", m.Failed(start, sKey, jingle.FailedTransport, nil), "REPLACE:"+second)
}

func TestReplacementsThatAreRefused(t *testing.T) {
	refused := func(role Role, e *stanza.Error) []Op {
		m := ladderMachine(t, role)
		return m.HandleReply(start, reply(fails(t, m, second), e))
	}
	for _, role := range []Role{Initiator, Responder} {
		expect(t, "a peer that knows no such action", refused(role, stanza.ErrFeatureNotImplemented()), "REPLACE:"+third)
		expect(t, "nor the session", refused(role, jingle.ErrUnknownSession()), "END:gone")
	}
	expect(t, "a tie that the initiator cannot lose", refused(Initiator, jingle.ErrTieBreak()), "REPLACE:"+third)

	m := ladderMachine(t, Initiator)
	first := fails(t, m, second)
	m.HandleRequest(start, about(jingle.TransportReject, "1", Initiator, second))
	expect(t, "an error that comes after the rejection", m.HandleReply(start, reply(first, stanza.ErrBadRequest())))

	m = ladderMachine(t, Initiator)
	m.HandleRequest(start, about(jingle.TransportReplace, "1", Initiator, second))
	accept := m.Answered(start, sKey, transportIn(second, "host"))
	expect(t, "our acceptance is refused", m.HandleReply(start, reply(accept, stanza.ErrBadRequest())),
		"session-terminate:failed-transport", "END:failed-transport")

	m = ladderMachine(t, Initiator)
	fails(t, m, second)
	expect(t, "an answer that is none", m.HandleRequest(start, about(jingle.TransportAccept, "1", Initiator, third)),
		"bad-request", "session-terminate:incompatible-parameters", "END:incompatible-parameters")
}

func TestDeadlinesOfReplacements(t *testing.T) {
	m := ladderMachine(t, Initiator)
	expect(t, "the initiator tries for a shorter time", m.Tick(start.Add(9*time.Second)), "REPLACE:"+second)
	expect(t, "a half that is never made", m.Tick(start.Add(19*time.Second)), "session-terminate:timeout", "END:timeout")

	m = ladderMachine(t, Responder)
	expect(t, "the responder leaves it to the initiator", m.Tick(start.Add(15*time.Second-1)))
	expect(t, "for a while", m.Tick(start.Add(15*time.Second)), "REPLACE:"+second)
	m.Reoffer(start.Add(15*time.Second), sKey, transportIn(second, "host"))
	expect(t, "nobody answers", m.Tick(start.Add(35*time.Second)), "session-terminate:timeout", "END:timeout")

	m = ladderMachine(t, Responder)
	m.HandleRequest(start, about(jingle.TransportReplace, "1", Responder, second))
	expect(t, "our half is never made", m.Tick(start.Add(10*time.Second)), "session-terminate:timeout", "END:timeout")

	m = machineOf(nil)
	m.Initiate(start, sKey, AllAddresses, transportNode("host"))
	m.HandleRequest(start, about(jingle.SessionAccept, "a", Initiator, testTransport))
	expect(t, "with no other transport nothing changes", m.Failed(start, sKey, jingle.FailedTransport, nil),
		"session-terminate:failed-transport", "END:failed-transport")
}

func TestReplacementsHideAddresses(t *testing.T) {
	m := NewMachine(testLadder, func(jid.JID) Decision { return Decision{Talk: true, Addresses: RelayOnly} }, func() string { return "i" }, Timeouts{})
	m.SetSelf(alice)
	m.HandleRequest(start, request(bob, "o", offerOf("s")))
	m.Answered(start, sKey, transportNode("host", "relay"))
	m.Failed(start, sKey, jingle.FailedTransport, nil)
	shows(t, "transport-replace", m.Reoffer(start, sKey, transportIn(second, "host", "srflx", "relay")), "relay")
	m.HandleRequest(start, about(jingle.TransportReplace, "1", Responder, third))
	shows(t, "transport-accept", m.Answered(start, sKey, transportIn(third, "host", "srflx", "relay")), "relay")
}

func written(t *testing.T, n xmlstream.Node) string {
	t.Helper()
	b, err := n.Append(nil, "")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestWhatCandidatesTellBesides(t *testing.T) {
	candidate := func(kind string) xmlstream.Node {
		return xmlstream.NewNode(testTransport, "candidate", xmlstream.A("ip", kind), xmlstream.A("rel-addr", "secret"), xmlstream.A("rel-port", "1"), xmlstream.A("type", kind))
	}
	reached := reach.Reach{Class: reach.Symmetric, Addresses: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.7:9")}}.Node()
	inner := xmlstream.NewNode(testTransport, "transport").With(candidate("host"), candidate("srflx"), candidate("prflx"), candidate("relay"), reached)
	wrapped := xmlstream.NewNode("urn:outer", "transport").With(xmlstream.NewNode("urn:x", "other").WithText("kept"), inner)
	for _, test := range []struct {
		addresses Addresses
		shown     []string
		related   bool
	}{
		{AllAddresses, []string{"host", "srflx", "relay"}, true},
		{RelayOnly, []string{"relay"}, false},
		{Addresses{Reflexive: true, Relay: true}, []string{"srflx", "relay"}, false},
		{Addresses{Host: true, Relay: true}, []string{"host", "relay"}, false},
	} {
		for _, n := range []xmlstream.Node{inner, wrapped} {
			before := written(t, n)
			clean, count := test.addresses.strip(n)
			text := written(t, clean)
			for _, kind := range []string{"host", "srflx", "prflx", "relay"} {
				if strings.Contains(text, "ip='"+kind+"'") != slices.Contains(test.shown, kind) {
					t.Errorf("%+v: %s", test.addresses, text)
				}
			}
			if count != len(test.shown) || strings.Contains(text, "secret") != test.related || strings.Contains(text, "rel-port") != test.related ||
				strings.Contains(text, "192.0.2.7") != test.related || !strings.Contains(text, "symmetric") {
				t.Errorf("%+v: %d in %s", test.addresses, count, text)
			}
			if written(t, n) != before {
				t.Error("the transport's own element was changed")
			}
		}
	}
}

func TestStrangersGetNoHalf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{offers: make(map[string]*memoryHalf)}
		var sent []*stanza.Stanza
		b := New(Config{
			Send:       func(s *stanza.Stanza) error { sent = append(sent, s); return nil },
			Transports: []Transport{m}, Policy: func(jid.JID) Decision { return Decision{Addresses: AllAddresses} },
		})
		b.SetSelf(alice)
		for i, action := range []jingle.Action{jingle.SessionInitiate, jingle.TransportReplace, jingle.TransportInfo, jingle.SessionAccept} {
			b.HandleIQ(about(action, fmt.Sprint(i), Responder, testTransport))
		}
		b.HandleIQ(request(bob, "offer", offerOf("s")))
		b.Close()
		if len(m.made) != 0 {
			t.Error("sockets were used for a stranger")
		}
		for _, s := range sent {
			if s.Type != stanza.ErrorType || strings.Contains(s.String(), "candidate") {
				t.Errorf("told %s", s)
			}
		}
		if len(sent) != 5 {
			t.Errorf("%d answers to 5 requests", len(sent))
		}
	})
}

// TestEveryInterleavingFallsBackTogether breaks the first transport: whatever the
// order in which both sides notice, they meet on the second.
func TestEveryInterleavingFallsBackTogether(t *testing.T) {
	for _, test := range []struct {
		why     string
		ladder  []string
		broken  map[string]bool
		trickle int
		up      int
	}{
		{"the second works", []string{testTransport, second}, map[string]bool{testTransport: true}, 0, 1},
		{"nothing works", []string{testTransport, second}, map[string]bool{testTransport: true, second: true}, 0, 0},
	} {
		t.Run(test.why, func(t *testing.T) {
			offers := []string{"s1"}
			runs := explore(t, func() *world {
				w := newLadderWorld(t, offers, nil, 0, test.ladder, test.broken)
				w.sides[0].trickle = test.trickle
				return w
			}, true, func(w *world, names []string) {
				settle(w, true)
				w.checkAnswers()
				a, restA := w.sides[0].ready()
				b, restB := w.sides[1].ready()
				if len(a) != test.up || !slices.Equal(a, b) || len(restA)+len(restB) != 0 {
					t.Fatalf("alice has %v and %v, bob %v and %v after %q", a, restA, b, restB, names)
				}
				for _, s := range w.sides {
					if len(s.machine.pending) > 0 || !s.machine.Deadline().IsZero() {
						t.Fatalf("%v still waits after %q", s.self, names)
					}
				}
			})
			t.Logf("%d orders", runs)
		})
	}
}

// TestDisorderOnTheLadderIsSurvived is TestDisorderIsSurvived with transports that
// fail at random.
func TestDisorderOnTheLadderIsSurvived(t *testing.T) {
	seeds := 500
	if testing.Short() {
		seeds = 200
	}
	links, fell := 0, 0
	for seed := range seeds {
		random := rand.New(rand.NewSource(int64(seed)))
		broken := map[string]bool{testTransport: random.Intn(4) > 0, second: random.Intn(2) > 0, third: random.Intn(3) == 0}
		w := newLadderWorld(t, []string{"s1", "s3"}, []string{"s2", "s4"}, 1, testLadder, broken)
		disorder := random.Intn(3)
		for range 200 {
			list := w.actions(disorder == 0)
			if len(list) == 0 {
				break
			}
			if disorder == 2 && random.Intn(8) == 0 {
				to := random.Intn(2)
				if n := len(w.wires[to]); n > 0 {
					w.sides[to].deliver(w.wires[to][random.Intn(n)])
				}
			}
			if random.Intn(30) == 0 {
				w.now = w.now.Add(time.Duration(random.Intn(20)) * time.Second)
				for _, s := range w.sides {
					s.do(s.machine.Tick(w.now))
				}
			}
			if list = w.actions(disorder == 0); len(list) > 0 {
				list[random.Intn(len(list))].run()
			}
		}
		settle(w, disorder == 0)
		w.checkAnswers()
		a, restA := w.sides[0].ready()
		b, restB := w.sides[1].ready()
		slices.Sort(a)
		slices.Sort(b)
		if !slices.Equal(a, b) || len(restA)+len(restB) > 0 {
			t.Fatalf("seed %d: alice has %v and %v, bob %v and %v", seed, a, restA, b, restB)
		}
		links += len(a)
		for _, s := range w.sides {
			if len(s.machine.pending) > 0 || !s.machine.Deadline().IsZero() {
				t.Fatalf("seed %d: %v still waits", seed, s.self)
			}
			for _, sid := range a {
				if h := s.halves[sid]; h != nil && h.space != testTransport {
					fell++
				}
			}
		}
	}
	if links == 0 || fell == 0 {
		t.Errorf("%d links, %d on other transports: the test tests nothing", links, fell)
	}
}

// other is a memory transport of another name.
type other struct {
	*memory
	space string
}

func (o other) Namespace() string { return o.space }

func TestIntroducerFallsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, fallback := &memory{mute: true}, &memory{space: second, offers: make(map[string]*memoryHalf)}
		a, b, ra, rb := pairOf(first, Config{Transports: []Transport{other{fallback, second}}})
		features := []string{jingle.NS, xmlstreamapp.NS, testTransport, second}
		if err := a.Connect(bob, features); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		old := first.made[0].p.Events
		old.Failed(errors.New("no path"))
		old.Failed(errors.New("said twice"))
		synctest.Wait()
		for _, reports := range []chan Report{ra, rb} {
			c, up := <-reports, <-reports
			if c.State != Connecting || up.State != Up || c.Key != up.Key || c.Role != up.Role || up.Path.Transport != second {
				t.Errorf("%+v then %+v", c, up)
			}
		}
		for i, h := range first.made {
			if !h.closed {
				t.Errorf("half %d of the transport that failed is open", i)
			}
		}
		// What a half that was given up still says changes nothing.
		sent := len(first.made)
		old.Failed(errors.New("late"))
		old.Candidates(transportNode("host"))
		late, far := linktest.Pipe(linktest.Options{})
		old.Moved(late, Path{})
		old.Connected(late, Path{})
		<-late.Done()
		far.Abort()
		synctest.Wait()
		if len(ra)+len(rb) != 0 || len(first.made) != sent {
			t.Error("late events were heard")
		}
		a.Close()
		b.Close()
	})
}

func TestOfferTakesTheFirstTransportThatCanBeHad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, fallback := &memory{fail: errors.New("no socket")}, &memory{space: second, offers: make(map[string]*memoryHalf)}
		a, b, ra, _ := pairOf(first, Config{Transports: []Transport{other{fallback, second}}})
		if err := a.Connect(bob, []string{jingle.NS, xmlstreamapp.NS, testTransport, second}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if c, up := <-ra, <-ra; c.State != Connecting || up.State != Up {
			t.Errorf("%+v then %+v", c, up)
		}
		a.Close()
		b.Close()
	})
}

func TestAPeerThatCannotMakeItsHalfRejects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := &memory{mute: true}
		broken := &memory{space: second, failAnswer: stanza.ErrNotAcceptable(), offers: make(map[string]*memoryHalf)}
		a, b, ra, rb := pairOf(first, Config{Transports: []Transport{other{broken, second}}})
		_ = a.Connect(bob, []string{jingle.NS, xmlstreamapp.NS, testTransport, second})
		synctest.Wait()
		first.made[0].p.Events.Failed(errors.New("no path"))
		synctest.Wait()
		for _, reports := range []chan Report{ra, rb} {
			<-reports
			if d := <-reports; d.State != Down || d.Reason.Condition != jingle.FailedTransport {
				t.Errorf("%+v", d)
			}
		}
		a.Close()
		b.Close()
	})
}
