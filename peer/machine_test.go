package peer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"godwit/jid"
	"godwit/stanza"
	"godwit/xep/jingle"
	"godwit/xep/xmlstreamapp"
	"godwit/xmlstream"
)

var start = time.Unix(1e9, 0)

// machineOf makes a machine for alice with predictable ids.
func machineOf(policy Policy) *Machine {
	n := 0
	if policy == nil {
		policy = func(jid.JID) Decision { return Decision{Talk: true, Addresses: AllAddresses} }
	}
	m := NewMachine([]string{testTransport}, policy, func() string { n++; return fmt.Sprintf("id%d", n) }, Timeouts{})
	m.SetSelf(alice)
	return m
}

func offerContent() jingle.Content {
	return jingle.Content{Creator: jingle.Initiator, Name: "x", Description: xmlstreamapp.Description{}.Node(), Transport: transportNode("host")}
}

func offerOf(sid string, contents ...jingle.Content) jingle.Jingle {
	if contents == nil {
		contents = []jingle.Content{offerContent()}
	}
	return jingle.Jingle{Action: jingle.SessionInitiate, SID: sid, Initiator: bob, Contents: contents}
}

// summary tells what ops do, one word each.
func summary(ops []Op) []string {
	var list []string
	for _, op := range ops {
		switch op := op.(type) {
		case OpSend:
			s := op.Stanza
			switch s.Type {
			case stanza.Result:
				list = append(list, "ack")
			case stanza.ErrorType:
				text := s.Err().Condition
				if own := s.Err().App.Name.Local; own != "" {
					text += "/" + own
				}
				list = append(list, text)
			default:
				n, _ := s.Child(jingle.NS, "jingle")
				j, err := jingle.Parse(n)
				if err != nil {
					list = append(list, err.Error())
					continue
				}
				text := string(j.Action)
				if j.Reason != nil {
					text += ":" + j.Reason.Condition
				}
				list = append(list, text)
			}
		case OpAnswer:
			list = append(list, "ANSWER")
		case OpReplace:
			list = append(list, "REPLACE:"+op.Transport)
		case OpRemote:
			list = append(list, "REMOTE")
		case OpInfo:
			list = append(list, "INFO")
		case OpEnd:
			list = append(list, "END:"+op.Reason.Condition)
		}
	}
	return list
}

func expect(t *testing.T, why string, ops []Op, want ...string) {
	t.Helper()
	if got := summary(ops); !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", why, got, want)
	}
}

func TestOffersAreJudged(t *testing.T) {
	other := func(change func(*jingle.Content)) jingle.Content {
		c := offerContent()
		change(&c)
		return c
	}
	rtp := other(func(c *jingle.Content) {
		c.Description = xmlstream.NewNode("urn:xmpp:jingle:apps:rtp:1", "description")
	})
	tests := []struct {
		why  string
		j    jingle.Jingle
		want []string
	}{
		{"a good one", offerOf("s"), []string{"ack", "ANSWER"}},
		{"a call is not for us (§6.3.1: acknowledge, then say why)", offerOf("s", rtp), []string{"ack", "session-terminate:unsupported-applications"}},
		{"our application beside another", offerOf("s", rtp, offerContent()), []string{"ack", "ANSWER"}},
		{"a transport we lack", offerOf("s", other(func(c *jingle.Content) { c.Transport.Name.Space = "urn:other" })),
			[]string{"ack", "session-terminate:unsupported-transports"}},
		{"a precondition we cannot meet", offerOf("s", other(func(c *jingle.Content) { c.Security = xmlstream.NewNode("urn:sec", "security") })),
			[]string{"ack", "session-terminate:security-error"}},
		{"no content at all", jingle.Jingle{Action: jingle.SessionInitiate, SID: "s"}, []string{"bad-request"}},
		{"no content of disposition session (§7.2.10)", offerOf("s", other(func(c *jingle.Content) { c.Disposition = "early-session" })), []string{"bad-request"}},
		{"a content that claims to be ours", offerOf("s", other(func(c *jingle.Content) { c.Creator = jingle.Responder })),
			[]string{"ack", "session-terminate:unsupported-applications"}},
	}
	for _, test := range tests {
		m := machineOf(nil)
		expect(t, test.why, m.HandleRequest(start, request(bob, "1", test.j)), test.want...)
	}
}

func TestRequestsThatAreNoJingle(t *testing.T) {
	m := machineOf(nil)
	expect(t, "an unknown action", m.HandleRequest(start, request(bob, "1", jingle.Jingle{Action: "dance", SID: "s"})), "bad-request")
	expect(t, "from a bare address", m.HandleRequest(start, request(bob.Bare(), "1", offerOf("s"))), "bad-request")
	empty := stanza.Build(stanza.IQ, stanza.Set, alice, bob, "1", nil)
	expect(t, "no payload", m.HandleRequest(start, empty), "bad-request")
}

// inState brings a machine with bob's or our session "s" to a state.
func inState(t *testing.T, role Role, want state) *Machine {
	t.Helper()
	m := machineOf(nil)
	key := Key{bob, "s"}
	if role == Initiator {
		m.Initiate(start, key, AllAddresses, transportNode("host"))
		if want != offered {
			c := offerContent()
			c.Name = contentName
			m.HandleRequest(start, request(bob, "a", jingle.Jingle{Action: jingle.SessionAccept, SID: "s", Contents: []jingle.Content{c}}))
		}
	} else {
		m.HandleRequest(start, request(bob, "o", offerOf("s")))
		if want != answering {
			m.Answered(start, key, transportNode("host"))
		}
	}
	if want == ready {
		if _, live := m.Connected(start, key); !live {
			t.Fatal("not connected")
		}
	}
	if got := m.sessions[key].state; got != want {
		t.Fatalf("state %v, want %v", got, want)
	}
	return m
}

func TestEveryActionInEveryState(t *testing.T) {
	name := map[Role]string{Initiator: contentName, Responder: "x"}
	content := func(role Role) jingle.Content { c := offerContent(); c.Name = name[role]; return c }
	// What each action gets in each state; "" stands for the default, which is
	// unknown-session without a session and out-of-order with one.
	type row struct {
		action jingle.Action
		fill   func(*jingle.Jingle, Role)
		none   string
		want   map[state]string
	}
	withContent := func(j *jingle.Jingle, r Role) { j.Contents = []jingle.Content{content(r)} }
	always := func(s string) map[state]string {
		return map[state]string{offered: s, answering: s, active: s, ready: s}
	}
	rows := []row{
		{jingle.SessionAccept, withContent, "", map[state]string{offered: "ack REMOTE"}},
		{jingle.SessionInfo, nil, "", always("ack")},
		{jingle.SessionInfo, func(j *jingle.Jingle, _ Role) { j.Info = []xmlstream.Node{xmlstream.NewNode("x", "ringing")} }, "",
			always("feature-not-implemented/unsupported-info")},
		{jingle.TransportInfo, withContent, "", always("ack INFO")},
		{jingle.TransportInfo, nil, "", always("feature-not-implemented/unsupported-info")},
		{jingle.SessionTerminate, nil, "", always("ack END:success")},
		{jingle.SessionTerminate, func(j *jingle.Jingle, _ Role) { j.Reason = &jingle.Reason{Condition: jingle.Busy} }, "", always("ack END:busy")},
		{jingle.DescriptionInfo, withContent, "", always("feature-not-implemented/unsupported-info")},
		{jingle.SecurityInfo, withContent, "", always("feature-not-implemented/unsupported-info")},
		{jingle.ContentAdd, withContent, "", always("ack content-reject")},
		{jingle.ContentModify, withContent, "", always("ack")},
		{jingle.ContentRemove, withContent, "", always("ack session-terminate:success END:success")},
		{jingle.ContentRemove, func(j *jingle.Jingle, _ Role) {
			c := offerContent()
			c.Name = "another"
			j.Contents = []jingle.Content{c}
		}, "", always("ack")},
		{jingle.TransportReplace, withContent, "", always("ack transport-reject")},
		{jingle.ContentAccept, withContent, "", nil},
		{jingle.ContentReject, withContent, "", nil},
		{jingle.TransportAccept, withContent, "", nil},
		{jingle.TransportReject, withContent, "", nil},
	}
	for _, r := range rows {
		build := func(role Role) *stanza.Stanza {
			j := jingle.Jingle{Action: r.action, SID: "s"}
			if r.fill != nil {
				r.fill(&j, role)
			}
			return request(bob, "q", j)
		}
		expect(t, fmt.Sprintf("%v without a session", r.action), machineOf(nil).HandleRequest(start, build(Initiator)), "item-not-found/unknown-session")
		for _, at := range []struct {
			role Role
			state
		}{{Initiator, offered}, {Initiator, active}, {Initiator, ready}, {Responder, answering}, {Responder, active}, {Responder, ready}} {
			m := inState(t, at.role, at.state)
			want := r.want[at.state]
			if want == "" {
				want = "unexpected-request/out-of-order"
			}
			expect(t, fmt.Sprintf("%v as %v in state %d", r.action, at.role, at.state),
				m.HandleRequest(start, build(at.role)), strings.Fields(want)...)
			if m.sessions[Key{bob, "s"}] != nil {
				stranger := build(at.role).WithFrom(jid.MustParse("eve@example.org/e"))
				expect(t, "the same from somebody else", m.HandleRequest(start, stranger), "item-not-found/unknown-session")
			}
		}
	}
}

func TestRepeatedRequestsAreDoneOnce(t *testing.T) {
	m := machineOf(nil)
	expect(t, "first", m.HandleRequest(start, request(bob, "1", offerOf("s"))), "ack", "ANSWER")
	expect(t, "the same request again", m.HandleRequest(start, request(bob, "1", offerOf("s"))), "ack")
	expect(t, "another offer of the same session", m.HandleRequest(start, request(bob, "2", offerOf("s"))), "unexpected-request/out-of-order")
}

func TestAnswersThatLackWhatWasOffered(t *testing.T) {
	wrong := offerContent() // its name is not ours
	m := inState(t, Initiator, offered)
	expect(t, "another content", m.HandleRequest(start, request(bob, "1", jingle.Jingle{Action: jingle.SessionAccept, SID: "s", Contents: []jingle.Content{wrong}})),
		"bad-request", "session-terminate:incompatible-parameters", "END:incompatible-parameters")
	wrong.Name, wrong.Transport.Name.Space = contentName, "urn:other"
	m = inState(t, Initiator, offered)
	expect(t, "another transport", m.HandleRequest(start, request(bob, "1", jingle.Jingle{Action: jingle.SessionAccept, SID: "s", Contents: []jingle.Content{wrong}})),
		"bad-request", "session-terminate:incompatible-parameters", "END:incompatible-parameters")
}

// reply builds the answer to the last request in ops.
func reply(ops []Op, e *stanza.Error) *stanza.Stanza {
	for _, op := range slices.Backward(ops) {
		if send, ok := op.(OpSend); ok && send.Stanza.Type == stanza.Set {
			iq := send.Stanza.WithFrom(alice)
			if e != nil {
				return iq.ErrorReply(e)
			}
			return iq.Result(nil)
		}
	}
	return nil
}

func TestReplies(t *testing.T) {
	key := Key{bob, "s"}
	offer := func() (*Machine, []Op) {
		m := machineOf(nil)
		return m, m.Initiate(start, key, AllAddresses, transportNode("host"))
	}
	m, ops := offer()
	refusal := reply(ops, stanza.ErrServiceUnavailable())
	expect(t, "a reply from somebody else is nothing", m.HandleReply(start, refusal.WithFrom(jid.MustParse("eve@example.org/e"))))
	expect(t, "a reply with another id is nothing", m.HandleReply(start, refusal.WithID("x")))
	expect(t, "refused", m.HandleReply(start, refusal), "END:general-error")
	expect(t, "and once only", m.HandleReply(start, refusal))

	m, ops = offer()
	expect(t, "a conflict is a lost tie", m.HandleReply(start, reply(ops, jingle.ErrTieBreak())), "END:"+TieBreak)

	m, ops = offer()
	info := m.Candidates(key, transportNode("srflx"))
	expect(t, "candidates go out before the offer is acknowledged", info, "transport-info")
	expect(t, "a peer that does not know the session yet", m.HandleReply(start, reply(info, jingle.ErrUnknownSession())))
	m.HandleReply(start, reply(ops, nil))
	info = m.Candidates(key, transportNode("srflx"))
	expect(t, "a candidate that is not welcome", m.HandleReply(start, reply(info, stanza.ErrNotAcceptable())))
	info = m.Candidates(key, transportNode("srflx"))
	expect(t, "one that knew it and lost it", m.HandleReply(start, reply(info, jingle.ErrUnknownSession())), "END:gone")

	m = machineOf(nil)
	m.HandleRequest(start, request(bob, "1", offerOf("s")))
	ops = m.Answered(start, key, transportNode("host"))
	expect(t, "our answer is refused", m.HandleReply(start, reply(ops, jingle.ErrUnknownSession())), "END:general-error")
}

func TestDeadlines(t *testing.T) {
	for _, test := range []struct {
		why   string
		role  Role
		state state
		after time.Duration
		want  []string
	}{
		{"an offer nobody answers", Initiator, offered, 20 * time.Second, []string{"session-terminate:timeout", "END:timeout"}},
		{"a half that is never made", Responder, answering, 10 * time.Second, []string{"session-terminate:timeout", "END:timeout"}},
		{"no path", Initiator, active, 15 * time.Second, []string{"session-terminate:failed-transport", "END:failed-transport"}},
		{"no path", Responder, active, 15 * time.Second, []string{"session-terminate:failed-transport", "END:failed-transport"}},
	} {
		m := inState(t, test.role, test.state)
		if got := m.Deadline(); !got.Equal(start.Add(test.after)) {
			t.Errorf("%s: deadline after %v", test.why, got.Sub(start))
		}
		expect(t, test.why+": not yet", m.Tick(start.Add(test.after-1)))
		expect(t, test.why, m.Tick(start.Add(test.after)), test.want...)
		if !m.Deadline().IsZero() {
			t.Errorf("%s: a deadline is left", test.why)
		}
	}
	m := inState(t, Initiator, ready)
	expect(t, "a link has no deadline", m.Tick(start.Add(1e6*time.Hour)))
}

func TestLimits(t *testing.T) {
	m := machineOf(nil)
	for i := range maxPerPeer {
		expect(t, "within the limit", m.HandleRequest(start, request(bob, fmt.Sprint(i), offerOf(fmt.Sprint("s", i)))), "ack", "ANSWER")
	}
	expect(t, "one device too often", m.HandleRequest(start, request(bob, "x", offerOf("sx"))), "resource-constraint")
	for i := 0; len(m.sessions) < maxSessions; i++ {
		from := jid.MustParse(fmt.Sprintf("u%d@example.org/r", i))
		m.HandleRequest(start, request(from, "1", offerOf("s")))
	}
	expect(t, "too many in all", m.HandleRequest(start, request(jid.MustParse("z@example.org/r"), "1", offerOf("s"))), "resource-constraint")

	m = inState(t, Responder, active)
	c := offerContent()
	for i := range maxInfo {
		m.HandleRequest(start, request(bob, fmt.Sprint("i", i), jingle.Jingle{Action: jingle.TransportInfo, SID: "s", Contents: []jingle.Content{c}}))
		m.Candidates(Key{bob, "s"}, transportNode("host"))
	}
	expect(t, "candidates without end", m.HandleRequest(start, request(bob, "iz", jingle.Jingle{Action: jingle.TransportInfo, SID: "s", Contents: []jingle.Content{c}})),
		"policy-violation")
	expect(t, "nor do we send them", m.Candidates(Key{bob, "s"}, transportNode("host")))
	if n := len(m.sessions[Key{bob, "s"}].seen); n > rememberedIQs {
		t.Errorf("%d ids remembered", n)
	}
}

func TestPolicy(t *testing.T) {
	m := machineOf(func(jid.JID) Decision { return Decision{} })
	expect(t, "a stranger learns nothing, whatever is asked (§6.3.2)", m.HandleRequest(start, request(bob, "1", offerOf("s"))), "service-unavailable")
	expect(t, "not even what we support", m.HandleRequest(start, request(bob, "2", offerOf("s", jingle.Content{Creator: jingle.Initiator, Name: "n"}))), "service-unavailable")

	all := transportNode("host", "srflx", "prflx", "relay", "unheard-of")
	for _, test := range []struct {
		addresses Addresses
		want      []string
	}{
		{AllAddresses, []string{"host", "srflx", "relay"}},
		{RelayOnly, []string{"relay"}},
		{Addresses{Reflexive: true}, []string{"srflx"}},
		{Addresses{}, nil},
	} {
		m := machineOf(func(jid.JID) Decision { return Decision{Talk: true, Addresses: test.addresses} })
		key := Key{bob, "s"}
		check := func(where string, ops []Op) {
			t.Helper()
			shows(t, fmt.Sprintf("%+v in %s", test.addresses, where), ops, test.want...)
		}
		check("the offer", m.Initiate(start, key, test.addresses, all))
		check("later candidates", m.Candidates(key, all))
		m = machineOf(m.policy)
		m.HandleRequest(start, request(bob, "1", offerOf("s")))
		check("the answer", m.Answered(start, key, all))
		wrapped := xmlstream.NewNode("urn:outer", "transport").With(all)
		clean, n := test.addresses.strip(wrapped)
		if inner, _ := clean.Child(testTransport, "transport"); n != len(test.want) || len(inner.Children) != n {
			t.Errorf("%+v: %d candidates inside another transport", test.addresses, n)
		}
	}
}

// shows holds the kinds of the candidates that requests in ops carry.
func shows(t *testing.T, where string, ops []Op, want ...string) {
	t.Helper()
	var got []string
	for _, op := range ops {
		if send, ok := op.(OpSend); ok {
			for _, part := range strings.Split(send.Stanza.String(), "type='")[1:] {
				kind, _, _ := strings.Cut(part, "'")
				if kind != stanza.Set && kind != stanza.Result {
					got = append(got, kind)
				}
			}
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q went out", where, got)
	}
}

func TestNewerAttemptEndsOlderOnesWithoutLink(t *testing.T) {
	m := inState(t, Responder, active)
	m.HandleRequest(start, request(bob, "2", offerOf("t")))
	m.Answered(start, Key{bob, "t"}, transportNode("host"))
	ops, live := m.Connected(start, Key{bob, "t"})
	if !live {
		t.Fatal("dead")
	}
	expect(t, "the older attempt", ops, "session-terminate:alternative-session", "END:alternative-session")
	if sent := ops[0].(OpSend).Stanza.String(); !strings.Contains(sent, "<sid>t</sid>") {
		t.Errorf("the alternative is not named: %s", sent)
	}
	m.HandleRequest(start, request(bob, "3", offerOf("u")))
	m.Answered(start, Key{bob, "u"}, transportNode("host"))
	ops, _ = m.Connected(start, Key{bob, "u"})
	expect(t, "a link is its owner's to end", ops)
	if _, live := m.Connected(start, Key{bob, "nobody"}); live {
		t.Error("a session that never was is live")
	}
}

func TestFailureReasons(t *testing.T) {
	m := inState(t, Responder, active)
	cause := errors.New("no path")
	ops := m.Failed(start, Key{bob, "s"}, jingle.FailedTransport, cause)
	expect(t, "failed", ops, "session-terminate:failed-transport", "END:failed-transport")
	if end := ops[1].(OpEnd); !errors.Is(end.Reason.Err, cause) || end.Reason.String() != "failed-transport (no path)" {
		t.Errorf("%v", end.Reason)
	}
	expect(t, "ended is ended", m.Failed(start, Key{bob, "s"}, jingle.FailedTransport, cause))
	expect(t, "late candidates", m.Candidates(Key{bob, "s"}, transportNode("host")))
	expect(t, "a late answer", m.Answered(start, Key{bob, "s"}, transportNode("host")))
	expect(t, "and the peer is told", m.HandleRequest(start, request(bob, "9", jingle.Jingle{Action: jingle.SessionInfo, SID: "s"})), "item-not-found/unknown-session")
}

// FuzzHandleRequest feeds a machine any stanzas; it must answer each.
func FuzzHandleRequest(f *testing.F) {
	for _, j := range []jingle.Jingle{
		offerOf("s"),
		{Action: jingle.SessionAccept, SID: "s", Contents: []jingle.Content{offerContent()}},
		{Action: jingle.TransportInfo, SID: "s", Contents: []jingle.Content{offerContent()}},
		{Action: jingle.SessionTerminate, SID: "s", Reason: &jingle.Reason{Condition: jingle.AlternativeSession, Alternative: "t"}},
	} {
		e := xmlstream.NewEncoder(nil, "")
		j.Encode(e)
		f.Add(e.Bytes(), uint8(0))
		f.Add(e.Bytes(), uint8(5))
	}
	f.Fuzz(func(t *testing.T, payload []byte, at uint8) {
		el, err := xmlstream.ParseElement(payload, xmlstream.DefaultLimits())
		if err != nil {
			return
		}
		n, err := el.Tree()
		if err != nil {
			return
		}
		states := []struct {
			Role
			state
		}{{Initiator, offered}, {Initiator, active}, {Initiator, ready}, {Responder, answering}, {Responder, active}, {Responder, ready}}
		s := states[int(at)%len(states)]
		m := inState(t, s.Role, s.state)
		iq := stanza.Build(stanza.IQ, stanza.Set, alice, bob, "q", n.Encode)
		answers := 0
		for _, op := range m.HandleRequest(start, iq) {
			if send, ok := op.(OpSend); ok && send.Stanza.ID == "q" {
				answers++
			}
		}
		if answers != 1 {
			t.Fatalf("%d answers", answers)
		}
	})
}
