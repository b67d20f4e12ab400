package peer

import (
	"fmt"
	"testing"
	"time"

	"godwit/jid"
	"godwit/stanza"
	"godwit/xep/jingle"
	"godwit/xmlstream"
)

const testTransport = "urn:test:transport"

var (
	alice = jid.MustParse("alice@example.org/a")
	bob   = jid.MustParse("bob@example.org/b")
)

// world is two machines, the server between them and a make-believe transport:
// a session connects when both halves know each other. It is deterministic, so
// that a run can be repeated from the choices made in it.
type world struct {
	t       testing.TB
	now     time.Time
	sides   [2]*side
	wires   [2][]*stanza.Stanza // to side i, in the order of sending
	answers map[string]int      // deliveries of a request minus replies to it
	sent    int
	ladder  []string        // transports of both, best first; testTransport alone unless set
	broken  map[string]bool // transports that never connect
}

type side struct {
	w       *world
	index   int
	self    jid.JID
	machine *Machine
	halves  map[string]*fakeHalf // by sid
	ended   map[string]Reason
	infos   int
	toStart []string // sids of offers yet to be made
	trickle int      // candidates each half finds later; exploration: alice's only
	ids     int
}

type fakeHalf struct {
	key      Key
	role     Role
	space    string // namespace of the transport
	failed   bool   // reported
	knows    bool   // the other half
	reported bool   // Connected
	trickled int
}

func newWorld(t testing.TB, aliceOffers, bobOffers []string, trickle int) *world {
	return newLadderWorld(t, aliceOffers, bobOffers, trickle, []string{testTransport}, nil)
}

func newLadderWorld(t testing.TB, aliceOffers, bobOffers []string, trickle int, ladder []string, broken map[string]bool) *world {
	w := &world{t: t, now: time.Unix(1e9, 0), answers: make(map[string]int), ladder: ladder, broken: broken}
	for i, self := range []jid.JID{alice, bob} {
		s := &side{w: w, index: i, self: self, halves: make(map[string]*fakeHalf), ended: make(map[string]Reason), trickle: trickle}
		s.toStart = [][]string{aliceOffers, bobOffers}[i]
		newID := func() string { s.ids++; return fmt.Sprintf("%s%d", s.self.Local(), s.ids) }
		policy := func(jid.JID) Decision { return Decision{Talk: true, Addresses: AllAddresses} }
		s.machine = NewMachine(ladder, policy, newID, Timeouts{})
		s.machine.SetSelf(self)
		w.sides[i] = s
	}
	return w
}

func (s *side) other() *side { return s.w.sides[1-s.index] }

func transportNode(candidates ...string) xmlstream.Node {
	return transportIn(testTransport, candidates...)
}

func transportIn(space string, candidates ...string) xmlstream.Node {
	n := xmlstream.NewNode(space, "transport", xmlstream.A("ufrag", "x"))
	for _, kind := range candidates {
		n = n.With(xmlstream.NewNode(space, "candidate", xmlstream.A("type", kind)))
	}
	return n
}

// do performs what a machine decided.
func (s *side) do(ops []Op) {
	for _, op := range ops {
		switch op := op.(type) {
		case OpSend:
			iq := op.Stanza.WithFrom(s.self)
			if iq.Type == stanza.Result || iq.Type == stanza.ErrorType {
				s.w.answers[iq.To.Local()+iq.ID]--
			}
			if s.w.sent++; s.w.sent > 500 {
				s.w.t.Fatal("the two talk without end")
			}
			s.w.wires[1-s.index] = append(s.w.wires[1-s.index], iq)
		case OpAnswer:
			delete(s.ended, op.Key.SID) // an offer repeated after its end begins anew
			s.halves[op.Key.SID] = &fakeHalf{key: op.Key, role: Responder, space: op.Transport, knows: true}
			s.do(s.machine.Answered(s.w.now, op.Key, transportIn(op.Transport, "host")))
		case OpReplace:
			s.halves[op.Key.SID] = &fakeHalf{key: op.Key, space: op.Transport}
			s.do(s.machine.Reoffer(s.w.now, op.Key, transportIn(op.Transport, "host")))
		case OpRemote:
			s.halves[op.Key.SID].knows = true
		case OpInfo:
			s.infos++
		case OpEnd:
			delete(s.halves, op.Key.SID)
			if _, twice := s.ended[op.Key.SID]; twice && op.Reason.Condition != TieBreak {
				s.w.t.Fatalf("%v ended twice", op.Key)
			}
			s.ended[op.Key.SID] = op.Reason
		}
	}
}

func (s *side) deliver(iq *stanza.Stanza) {
	if iq.Type == stanza.Set {
		s.w.answers[iq.From.Local()+iq.ID]++
		s.do(s.machine.HandleRequest(s.w.now, iq))
		return
	}
	s.do(s.machine.HandleReply(s.w.now, iq))
}

// action is one thing that can happen next.
type action struct {
	name string
	run  func()
}

// actions lists what can happen. In order means that the server keeps the order
// of stanzas between two clients, as it must (RFC 6120 §10.1).
func (w *world) actions(inOrder bool) []action {
	var list []action
	for i, s := range w.sides {
		for at := range w.wires[i] {
			if inOrder && at > 0 {
				break
			}
			list = append(list, action{fmt.Sprintf("deliver %d to %v", at, s.self), func() {
				iq := w.wires[i][at]
				w.wires[i] = append(w.wires[i][:at:at], w.wires[i][at+1:]...)
				s.deliver(iq)
			}})
		}
		if len(s.toStart) > 0 {
			list = append(list, action{fmt.Sprintf("%v offers", s.self), func() {
				key := Key{s.other().self, s.toStart[0]}
				s.toStart = s.toStart[1:]
				if s.machine.Live(key.Peer) {
					return
				}
				s.halves[key.SID] = &fakeHalf{key: key, role: Initiator, space: w.ladder[0]}
				s.do(s.machine.Initiate(w.now, key, AllAddresses, transportIn(w.ladder[0], "host"), w.ladder[1:]...))
			}})
		}
		list = append(list, s.transportActions()...)
	}
	return list
}

func (s *side) transportActions() []action {
	var list []action
	for _, key := range s.machine.Sessions() {
		h := s.halves[key.SID]
		if h == nil {
			continue
		}
		if h.trickled < s.trickle {
			list = append(list, action{"trickle", func() {
				h.trickled++
				s.do(s.machine.Candidates(key, transportIn(h.space, "srflx")))
			}})
		}
		peer := s.other().halves[key.SID]
		if h.reported && peer == nil {
			list = append(list, action{"the link ends", func() { s.do(s.machine.Ended(key, "success")) }})
		}
		if !h.failed && h.knows && s.w.broken[h.space] {
			list = append(list, action{fmt.Sprintf("the transport of %v fails", s.self), func() {
				h.failed = true
				s.do(s.machine.Failed(s.w.now, key, "failed-transport", nil))
			}})
		}
		if !h.reported && !s.w.broken[h.space] && h.knows && peer != nil && peer.knows && peer.space == h.space {
			list = append(list, action{fmt.Sprintf("%v connects", s.self), func() {
				h.reported = true
				ops, live := s.machine.Connected(s.w.now, key)
				if !live {
					s.w.t.Fatal("a living session is said to be dead")
				}
				s.do(ops)
			}})
		}
	}
	return list
}

// ready lists the sessions of a side that have a link, and those that do not.
func (s *side) ready() (up, pending []string) {
	for _, key := range s.machine.Sessions() {
		if s.machine.sessions[key].state == ready {
			up = append(up, key.SID)
		} else {
			pending = append(pending, key.SID)
		}
	}
	return up, pending
}

func (w *world) checkAnswers() {
	w.t.Helper()
	for id, open := range w.answers {
		if open != 0 {
			w.t.Fatalf("request %s got %d answers too few", id, open)
		}
	}
}

// request builds what a peer's client would send.
func request(from jid.JID, id string, j jingle.Jingle) *stanza.Stanza {
	return stanza.Build(stanza.IQ, stanza.Set, alice, from, id, j.Encode)
}
