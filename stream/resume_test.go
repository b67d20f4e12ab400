package stream_test

import (
	"errors"
	"fmt"
	"testing"

	"godwit/jid"
	"godwit/link"
	"godwit/link/linktest"
	"godwit/stanza"
	"godwit/stream"
	legacy "godwit/xep/session"
	"godwit/xep/sm"
)

// second lets a client come back.
func second(t testing.TB, two bool, cc *stream.ClientConfig, sc *stream.ServerConfig) ends {
	t.Helper()
	x, y := pipe(linktest.Options{})
	var a link.Link = x
	if !two {
		a = hideSASL2{x}
	}
	return join(t, a, y, cc, sc)
}

func resumption(e ends, m *stream.Management) *stream.Resumption {
	return &stream.Resumption{ID: e.session.SMID, JID: e.session.JID, Management: m}
}

// The connection breaks with stanzas under way in both directions; nothing is
// lost, doubled or out of order, and counts go on.
func TestResume(t *testing.T) {
	for _, two := range []bool{false, true} {
		t.Run(fmt.Sprintf("SASL2 %v", two), func(t *testing.T) {
			r := &registry{}
			sc := serverConfig(r)
			one := second(t, two, clientConfig(), sc)
			if one.clientErr != nil {
				t.Fatal(one.clientErr)
			}
			// The server handled one of two it read; the client one of two.
			one.client.Send(message("c1"))
			one.client.Send(message("c2"))
			first := <-one.in
			lost := <-one.in
			one.server.Handled(first.Seq)
			one.server.SendTagged(message("s1"), 1)
			one.server.SendTagged(message("s2"), 2)
			one.client.Handled(nextBody(t, one.client, "s1"))
			nextBody(t, one.client, "s2")
			one.client.Link().Abort()
			if _, err := one.client.Read(); !errors.Is(err, link.ErrClosed) {
				t.Fatal(err)
			}
			if err := <-one.ended; !errors.Is(err, stream.ErrLost) {
				t.Fatalf("the server reads %v", err)
			}
			// What is sent now waits in the session.
			if err := one.client.Send(message("c3")); err != nil {
				t.Fatal(err)
			}
			if err := one.server.SendTagged(message("s3"), 3); err != nil {
				t.Fatal(err)
			}
			m := one.client.Detach()
			if one.client.Send(message("x")) != stream.ErrDetached || one.client.Detach() != nil {
				t.Error("the old stream still has the session")
			}
			r.onResume = func(s *stream.Stream) { s.Send(message("s4")) } // at once, from the new owner
			cc := clientConfig()
			cc.Resume = resumption(one, m)
			e := second(t, two, cc, sc)
			if e.clientErr != nil || e.serverErr != nil {
				t.Fatalf("client: %v\nserver: %v", e.clientErr, e.serverErr)
			}
			if !e.session.Resumed || e.session.JID != one.session.JID || e.server.Peer().JID != one.session.JID || e.session.SMID != one.session.SMID {
				t.Fatalf("%+v", e.session)
			}
			one.server.Handled(lost.Seq) // too late: the client sends it again
			ack := next(t, e.client, stream.AckedEvent)
			if len(ack.Acked) != 1 || ack.Acked[0].Stanza.Body() != "c1" {
				t.Errorf("acknowledged by resumption: %+v", ack.Acked)
			}
			for _, want := range []string{"s2", "s3", "s4"} {
				e.client.Handled(nextBody(t, e.client, want))
			}
			if ack := <-e.in; ack.Kind != stream.AckedEvent || len(ack.Acked) != 1 || ack.Acked[0].Tag != 1 {
				t.Errorf("acknowledged to the server: %+v", ack)
			}
			for _, want := range []string{"c2", "c3"} {
				got := <-e.in
				if got.Stanza == nil || got.Stanza.Body() != want {
					t.Fatalf("the server read %+v instead of %s", got, want)
				}
				e.server.Handled(got.Seq)
			}
			e.server.RequestAck()
			pump(e.client)
			for acked := 0; acked < 3; { // s2 to s4, in one answer or more
				acked += len((<-e.in).Acked)
			}
			if n, _ := e.server.Unacked(); n != 0 {
				t.Errorf("%d are unacknowledged in the end", n)
			}
		})
	}
}

// A client comes back while the server still believes in the old connection.
func TestResumeTakesOverALivingStream(t *testing.T) {
	r := &registry{}
	sc := serverConfig(r)
	one := second(t, true, clientConfig(), sc)
	cc := clientConfig()
	cc.Resume = resumption(one, one.client.Detach())
	two := second(t, true, cc, sc)
	if two.clientErr != nil || !two.session.Resumed {
		t.Fatal(two.clientErr)
	}
	var told *stream.Error
	if _, err := one.client.Read(); !errors.As(err, &told) || told.Condition != stream.Conflict || !told.Remote {
		t.Errorf("the old client is told %v", err)
	}
	if err := <-one.ended; !errors.Is(err, link.ErrClosed) {
		t.Errorf("the old server end reads %v", err)
	}
	if one.server.Send(message("x")) != stream.ErrDetached {
		t.Error("the old stream still sends")
	}
	talk(t, two)
}

func TestResumeRefused(t *testing.T) {
	for _, two := range []bool{false, true} {
		for _, tt := range []struct {
			name, id string
			unsent   int // of three
		}{
			{"unknown", "unknown", 3},
			{"unknown, but the count is", "known", 1}, // the registry says h=7, two of them acknowledge c1 and c2
		} {
			t.Run(fmt.Sprintf("%s, SASL2 %v", tt.name, two), func(t *testing.T) {
				m := stream.ManagementAt(5)
				for i := range 3 {
					m.Push(stream.Sent{Stanza: message(fmt.Sprint("c", i+1))})
				}
				cc := clientConfig()
				cc.Resume = &stream.Resumption{ID: tt.id, JID: jid.MustParse("alice@b.example/x"), Management: m}
				e := second(t, two, cc, serverConfig(&registry{}))
				if e.clientErr != nil || e.session.Resumed || len(e.session.Unresumed) != tt.unsent {
					t.Fatalf("%v, %+v", e.clientErr, e.session)
				}
				if e.session.Unresumed[len(e.session.Unresumed)-1].Stanza.Body() != "c3" {
					t.Error("the rest is not in order")
				}
				if tt.unsent < 3 {
					if ack := next(t, e.client, stream.AckedEvent); len(ack.Acked) != 2 {
						t.Errorf("acknowledged: %+v", ack.Acked)
					}
				}
				talk(t, e)
			})
		}
	}
}

// Another account's session is never handed out, even by a binder that errs.
func TestResumeForeignSession(t *testing.T) {
	for _, two := range []bool{false, true} {
		r := &registry{sessions: map[string]*session{"id": {jid: jid.MustParse("bob@b.example/x"), m: stream.NewManagement(0)}}}
		sc := serverConfig(r)
		sc.Binder = careless{r}
		cc := clientConfig()
		cc.Resume = &stream.Resumption{ID: "id", JID: jid.MustParse("alice@b.example/x"), Management: stream.NewManagement(0)}
		e := second(t, two, cc, sc)
		if e.clientErr != nil || e.session.Resumed || e.session.JID.Bare() != alice {
			t.Errorf("SASL2 %v: %v, %+v", two, e.clientErr, e.session)
		}
	}
}

func TestAckTooHigh(t *testing.T) {
	e := joinSecure(t, clientConfig(), serverConfig(&registry{}))
	e.server.Send(message("one"))
	e.client.SendRaw(sm.AppendAck(nil, 2))
	var own *stream.Error
	if err := <-e.ended; !errors.As(err, &own) || own.Remote || own.Condition != stream.UndefinedCondition {
		t.Errorf("the server ends with %v", err)
	}
	nextBody(t, e.client, "one")
	var told *stream.Error
	err := untilEnd(e.client)
	if !errors.As(err, &told) || told.App.Name.Local != "handled-count-too-high" || told.App.Attr("h") != "2" || told.App.Attr("send-count") != "1" {
		t.Errorf("the client is told %v", err)
	}
	if e.server.Detach().Len() != 1 {
		t.Error("the stanza was released all the same")
	}
}

func TestResumeWithCountTooHigh(t *testing.T) {
	for _, two := range []bool{false, true} {
		r := &registry{}
		sc := serverConfig(r)
		one := second(t, two, clientConfig(), sc)
		one.client.Abort()
		<-one.ended
		one.client.Detach()
		cc := clientConfig()
		cc.Resume = resumption(one, stream.ManagementAt(3)) // never received that much
		e := second(t, two, cc, sc)
		// The server takes the session over and ends the stream; the session
		// itself is unharmed.
		if e.serverErr != nil {
			t.Fatal(e.serverErr)
		}
		var own *stream.Error
		if err := <-e.ended; !errors.As(err, &own) || own.App.Name.Local != "handled-count-too-high" {
			t.Errorf("SASL2 %v: the server reads %v", two, err)
		}
		if e.server.Detach() == nil {
			t.Error("the session is lost")
		}
	}
}

// The count told to the peer follows what is durable, not what was read, and a
// request is answered when that is so.
func TestAcknowledgedMeansHandled(t *testing.T) {
	e := joinSecure(t, clientConfig(), serverConfig(&registry{}))
	fromServer, _ := pump(e.client)
	var seqs []uint64
	for i := range 3 {
		e.client.SendTagged(message(fmt.Sprint(i)), uint64(i))
	}
	e.client.RequestAck()
	for range 3 {
		seqs = append(seqs, (<-e.in).Seq)
	}
	e.server.Handled(seqs[2])
	e.server.Handled(seqs[1])
	// The first request is still owed: a marker proves that nothing came yet.
	e.server.Send(message("marker"))
	if got := <-fromServer; got.Kind != stream.StanzaEvent {
		t.Fatalf("acknowledged %d before the first is durable", len(got.Acked))
	}
	// A second request is a question about liveness: answered with what is true.
	e.client.RequestAck()
	if got := <-fromServer; got.Kind != stream.AckedEvent || len(got.Acked) != 0 {
		t.Fatalf("got %+v", got)
	}
	e.server.Handled(seqs[0])
	if got := <-fromServer; got.Kind != stream.AckedEvent || len(got.Acked) != 3 {
		t.Fatalf("got %+v", got)
	}
}

func TestRequestsFollowTheConfiguredCount(t *testing.T) {
	cc := clientConfig()
	cc.RequestAckEvery = 3
	e := joinSecure(t, cc, serverConfig(&registry{}))
	fromServer, _ := pump(e.client)
	for range 7 {
		e.client.Send(message("x"))
	}
	go func() {
		for ev := range e.in {
			if ev.Kind == stream.StanzaEvent {
				e.server.Handled(ev.Seq)
			}
		}
	}()
	released := 0
	for released < 6 {
		ev := <-fromServer
		released += len(ev.Acked)
	}
	if n, _ := e.client.Unacked(); n > 1 {
		t.Errorf("%d are unacknowledged", n)
	}
}

// A peer that acknowledges nothing is cut, with bounded memory.
func TestUnackedIsBounded(t *testing.T) {
	sc := serverConfig(&registry{})
	sc.MaxUnacked = 20_000
	e := joinSecure(t, clientConfig(), sc)
	go func() {
		for { // reads, and answers no request
			if _, err := e.client.Link().Read(); err != nil {
				return
			}
		}
	}()
	n := 0
	var err error
	for ; err == nil; n++ {
		err = e.server.Send(message("x"))
	}
	if !errors.Is(err, stream.ErrTooManyUnacked) || n > 100 {
		t.Errorf("after %d stanzas: %v", n, err)
	}
	if err := <-e.ended; !errors.Is(err, link.ErrClosed) {
		t.Errorf("the server reads %v", err)
	}
}

func TestEnableRules(t *testing.T) {
	t.Run("twice is an error", func(t *testing.T) {
		e := joinSecure(t, clientConfig(), serverConfig(&registry{}))
		e.client.SendRaw([]byte("<enable xmlns='urn:xmpp:sm:3'/>"))
		var own *stream.Error
		if err := <-e.ended; !errors.As(err, &own) || own.Condition != stream.PolicyViolation {
			t.Error(err)
		}
	})
	t.Run("refused by the caller", func(t *testing.T) {
		for _, two := range []bool{false, true} {
			e := second(t, two, clientConfig(), serverConfig(&registry{refuseSM: true}))
			if e.clientErr != nil || e.client.Managed() || e.server.Managed() || e.session.SMID != "" {
				t.Errorf("%v %+v", e.clientErr, e.session)
			}
			talk(t, e)
		}
	})
	t.Run("not offered", func(t *testing.T) {
		for _, two := range []bool{false, true} {
			sc := serverConfig(&registry{})
			sc.NoSM = true
			cc := clientConfig()
			cc.Resume = &stream.Resumption{ID: "x", Management: stream.NewManagement(0)}
			e := second(t, two, cc, sc)
			if e.clientErr != nil || e.client.Managed() || e.session.Resumed {
				t.Errorf("%v %+v", e.clientErr, e.session)
			}
			talk(t, e)
		}
	})
	t.Run("resuming a bound stream", func(t *testing.T) {
		e := joinSecure(t, clientConfig(), serverConfig(&registry{}))
		e.client.SendRaw([]byte("<resume xmlns='urn:xmpp:sm:3' previd='x' h='0'/>"))
		f, err := e.client.Link().Read()
		if err != nil || f.Element.Name.Local != "failed" {
			t.Errorf("%v %v", f.Element.Name, err)
		}
	})
}

// Old clients establish a session; nobody above hears of it.
func TestLegacySessionIsAnswered(t *testing.T) {
	e := joinSecure(t, clientConfig(), serverConfig(&registry{}))
	e.client.Send(stanza.Build(stanza.IQ, stanza.Set, jid.JID{}, jid.JID{}, "s1", legacy.Session{}.Encode))
	e.client.Send(message("after"))
	got := next(t, e.client, stream.StanzaEvent)
	if got.Stanza.Type != stanza.Result || got.Stanza.ID != "s1" {
		t.Errorf("answered %v", got.Stanza)
	}
	if ev := <-e.in; ev.Stanza.Body() != "after" {
		t.Errorf("the caller read %v", ev.Stanza)
	} else {
		e.server.Handled(ev.Seq)
	}
	e.client.RequestAck()
	if ack := next(t, e.client, stream.AckedEvent); len(ack.Acked) != 2 {
		t.Errorf("%d acknowledged", len(ack.Acked))
	}
}

func TestClientState(t *testing.T) {
	cc := clientConfig()
	cc.Inactive = true
	r := &registry{}
	e := joinSecure(t, cc, serverConfig(r))
	if !r.binds[0].Inactive {
		t.Error("the session should begin inactive")
	}
	for _, active := range []bool{true, false} {
		word := map[bool]string{true: "active", false: "inactive"}[active]
		e.client.SendRaw([]byte("<" + word + " xmlns='urn:xmpp:csi:0'/>"))
		if ev := <-e.in; ev.Kind != stream.StateEvent || ev.Active != active {
			t.Errorf("%s: %+v", word, ev)
		}
	}
}

// A stanza with a bad head reaches the caller with the error to answer.
func TestBadHeads(t *testing.T) {
	e := joinSecure(t, clientConfig(), serverConfig(&registry{}))
	for input, condition := range map[string]string{
		"<message to='@'/>":                          "jid-malformed",
		"<iq type='get'><a xmlns='b'/></iq>":         "bad-request",
		"<iq type='burn' id='1'><a xmlns='b'/></iq>": "bad-request",
	} {
		e.client.SendRaw([]byte(input))
		ev := <-e.in
		if ev.Kind != stream.StanzaEvent || ev.Err == nil || ev.Err.Condition != condition || ev.Stanza == nil {
			t.Errorf("%s: %+v", input, ev.Err)
		}
		e.server.Handled(ev.Seq)
	}
}

func TestClosing(t *testing.T) {
	t.Run("regularly", func(t *testing.T) {
		e := joinSecure(t, clientConfig(), serverConfig(&registry{}))
		e.server.Send(message("unread"))
		e.client.Send(message("last"))
		e.client.Close(nil)
		if ev := <-e.in; ev.Stanza.Body() != "last" {
			t.Errorf("%+v", ev)
		}
		if ev := <-e.in; ev.Kind != stream.AckedEvent { // XEP-0198 §4: told before leaving
			t.Errorf("%+v", ev)
		}
		if err := <-e.ended; err.Error() != "EOF" {
			t.Errorf("the server reads %v", err)
		}
		e.client.Close(errors.New("again"))
	})
	t.Run("with an error, whose cause stays here", func(t *testing.T) {
		e := joinSecure(t, clientConfig(), serverConfig(&registry{}))
		e.server.Close(&stream.Error{Condition: stream.SeeOtherHost, Host: "c.example:5222", Text: "moved", Cause: errors.New("secret")})
		var told *stream.Error
		if err := untilEnd(e.client); !errors.As(err, &told) || told.Host != "c.example:5222" || told.Text != "moved" || told.Cause != nil {
			t.Errorf("the client reads %v", err)
		}
	})
	t.Run("with somebody's error", func(t *testing.T) {
		e := joinSecure(t, clientConfig(), serverConfig(&registry{}))
		e.server.Close(errors.New("secret"))
		var told *stream.Error
		if err := untilEnd(e.client); !errors.As(err, &told) || told.Condition != stream.InternalServerError || told.Text != "" {
			t.Errorf("the client reads %v", err)
		}
	})
}
