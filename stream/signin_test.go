package stream_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"godwit/jid"
	"godwit/link"
	"godwit/link/linktest"
	"godwit/sasl"
	"godwit/stanza"
	"godwit/stream"
	"godwit/xmlstream"
)

// hideSASL2 removes the feature on the way to a client, so that it has to use
// the older profile.
type hideSASL2 struct{ *linktest.Secured }

func (h hideSASL2) Read() (link.Frame, error) {
	f, err := h.Secured.Read()
	if err == nil && f.Kind == link.Element && f.Element.Name.Local == "features" {
		f.Element = without(f.Element, stream.NSSASL2ForTest)
	}
	return f, err
}

func without(el xmlstream.Element, ns string) xmlstream.Element {
	n, err := el.Tree()
	if err != nil {
		panic(err)
	}
	n.Children = slices.DeleteFunc(slices.Clone(n.Children), func(c xmlstream.Node) bool { return c.Name.Space == ns })
	e := xmlstream.NewEncoder(nil, "")
	n.Encode(e)
	out, err := xmlstream.ParseElement(e.Bytes(), xmlstream.DefaultLimits())
	if err != nil {
		panic(err)
	}
	return out
}

func TestEveryMechanism(t *testing.T) {
	mechanisms := []sasl.Mechanism{
		sasl.ScramSHA512Plus, sasl.ScramSHA256Plus, sasl.ScramSHA1Plus, sasl.ScramSHA512, sasl.ScramSHA256, sasl.ScramSHA1, sasl.Plain}
	for _, m := range mechanisms {
		for _, two := range []bool{false, true} {
			name := string(m) + " as in RFC 6120"
			if two {
				name = string(m) + " as in XEP-0388"
			}
			t.Run(name, func(t *testing.T) {
				r := &registry{}
				sc := serverConfig(r)
				sc.Mechanisms = []sasl.Mechanism{m}
				x, y := pipe(linktest.Options{})
				var a link.Link = x
				if !two {
					a = hideSASL2{x}
				}
				e := join(t, a, y, clientConfig(), sc)
				if e.clientErr != nil || e.serverErr != nil {
					t.Fatalf("client: %v\nserver: %v", e.clientErr, e.serverErr)
				}
				p := e.server.Peer()
				if p.Mechanism != m || p.SASL2 != two || p.Account != alice || p.JID != e.session.JID || !p.JID.IsFull() {
					t.Errorf("the server knows %+v", p)
				}
				if (p.ChannelBinding == link.TLSExporter) != m.Plus() || p.TLS.Version == "" {
					t.Errorf("bound by %q to %+v", p.ChannelBinding, p.TLS)
				}
				if two && (p.UserAgent.Software != "Godwit" || !r.binds[0].Bind2 || r.binds[0].Tag != "Godwit" || !r.binds[0].Carbons) {
					t.Errorf("inline: %+v %+v", p.UserAgent, r.binds[0])
				}
				if e.session.Carbons != two || (e.session.Metadata != nil) != two {
					t.Errorf("the client got %+v", e.session)
				}
				if e.session.SMID == "" || !e.client.Managed() {
					t.Error("no stream management")
				}
				if _, ok := e.session.Features.Child("urn:example:feature", "extra"); !ok {
					t.Error("the caller's features were not sent")
				}
				if want := (stream.Pin{TLS: true, Mechanism: m}); e.session.Pin != want {
					t.Errorf("pin %+v", e.session.Pin)
				}
				talk(t, e)
			})
		}
	}
}

// talk sends one stanza each way and acknowledges it.
func talk(t testing.TB, e ends) {
	t.Helper()
	fromServer, _ := pump(e.client)
	if err := e.client.SendTagged(message("ping"), 42); err != nil {
		t.Fatal(err)
	}
	got := <-e.in
	if got.Stanza == nil || got.Stanza.Body() != "ping" {
		t.Fatalf("the server read %+v", got)
	}
	if err := e.server.Send(message("pong")); err != nil {
		t.Fatal(err)
	}
	if got := <-fromServer; got.Stanza == nil || got.Stanza.Body() != "pong" {
		t.Fatalf("the client read %+v", got)
	}
	if !e.client.Managed() {
		return
	}
	e.client.RequestAck()
	e.server.Handled(got.Seq)
	for ack := range fromServer {
		if ack.Kind == stream.AckedEvent && len(ack.Acked) == 1 && ack.Acked[0].Tag == 42 {
			return
		}
	}
	t.Fatal("not acknowledged")
}

func TestWrongCredentials(t *testing.T) {
	tests := []struct {
		name, user, password string
		want                 sasl.Condition
	}{
		{"wrong password", "alice", "wrong", sasl.NotAuthorized},
		{"unknown user fails in the same way", "nobody", password, sasl.NotAuthorized},
		{"a database out of order is no wrong password", "broken", password, sasl.TemporaryAuthFailure},
		{"a disabled account is told to its owner", "disabled", password, sasl.AccountDisabled},
		{"and to nobody else", "disabled", "wrong", sasl.NotAuthorized},
	}
	for _, tt := range tests {
		for _, m := range []sasl.Mechanism{sasl.ScramSHA256Plus, sasl.Plain} {
			t.Run(tt.name+" with "+string(m), func(t *testing.T) {
				r := &registry{}
				cc, sc := clientConfig(), serverConfig(r)
				cc.JID, cc.Password = jid.MustParse(tt.user+"@b.example"), tt.password
				sc.Mechanisms = []sasl.Mechanism{m}
				a, b := pipe(linktest.Options{})
				e := join(t, a, b, cc, sc)
				var refused *stream.AuthError
				if !errors.As(e.clientErr, &refused) || refused.Condition != tt.want {
					t.Errorf("client: %v", e.clientErr)
				} else if refused.Temporary() != (tt.want == sasl.TemporaryAuthFailure) {
					t.Errorf("temporary: %v", refused.Temporary())
				}
				if e.serverErr == nil || len(r.binds) > 0 {
					t.Errorf("server: %v, %d binds", e.serverErr, len(r.binds))
				}
			})
		}
	}
}

func TestUnencryptedNeedsConsentOfBothEnds(t *testing.T) {
	for _, tt := range []struct {
		name           string
		client, server bool
		pin            stream.Pin
		ok             bool
	}{
		{"both", true, true, stream.Pin{}, true},
		{"client only", true, false, stream.Pin{}, false},
		{"server only", false, true, stream.Pin{}, false},
		{"but it was encrypted before", true, true, stream.Pin{TLS: true}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cc, sc := clientConfig(), serverConfig(&registry{})
			cc.AllowUnencrypted, sc.AllowUnencrypted, cc.Pin = tt.client, tt.server, tt.pin
			a, b := linktest.Pipe(linktest.Options{})
			e := join(t, a, b, cc, sc)
			if (e.clientErr == nil) != tt.ok {
				t.Fatalf("client: %v\nserver: %v", e.clientErr, e.serverErr)
			}
			if !tt.ok {
				return
			}
			if p := e.server.Peer(); p.Mechanism != sasl.ScramSHA512 || p.SASL2 {
				t.Errorf("PLAIN, -PLUS and SASL2 need encryption; used %s, SASL2 %v", p.Mechanism, p.SASL2)
			}
			talk(t, e)
		})
	}
}

// Somebody on the path takes away what protects against him.
func TestDowngrades(t *testing.T) {
	plus := stream.Pin{TLS: true, Mechanism: sasl.ScramSHA256Plus}
	tests := []struct {
		name   string
		pin    stream.Pin
		change func(xmlstream.Node) xmlstream.Node
	}{
		{"-PLUS taken away in SASL2", stream.Pin{}, dropMechanisms(func(m string) bool { return sasl.Mechanism(m).Plus() })},
		{"-PLUS and the types of channel binding taken away", stream.Pin{}, func(n xmlstream.Node) xmlstream.Node {
			return dropNS(dropMechanisms(func(m string) bool { return sasl.Mechanism(m).Plus() })(n), "urn:xmpp:sasl-cb:0")
		}},
		{"only the types taken away", stream.Pin{}, func(n xmlstream.Node) xmlstream.Node { return dropNS(n, "urn:xmpp:sasl-cb:0") }},
		{"the strongest hash taken away", stream.Pin{}, dropMechanisms(func(m string) bool { return sasl.Mechanism(m).Hash() == sasl.SHA512 })},
		{"all but PLAIN taken away from an account known to do SCRAM", plus, func(n xmlstream.Node) xmlstream.Node {
			return dropNS(dropMechanisms(func(m string) bool { return m != "PLAIN" })(n), "urn:xmpp:sasl-cb:0")
		}},
	}
	for _, tt := range tests {
		for _, profile := range []string{"SASL1", "SASL2"} {
			t.Run(tt.name+", "+profile, func(t *testing.T) {
				r := &registry{}
				cc := clientConfig()
				cc.Pin = tt.pin
				x, y := pipe(linktest.Options{})
				a := rewrite{x, func(n xmlstream.Node) xmlstream.Node {
					if profile == "SASL1" {
						n = dropNS(n, stream.NSSASL2ForTest)
					}
					return tt.change(n)
				}}
				e := join(t, a, y, cc, serverConfig(r))
				if e.clientErr == nil || len(r.binds) > 0 {
					t.Fatalf("signed in with %s", e.client.Peer().Mechanism)
				}
				var refused *stream.AuthError
				if !errors.Is(e.clientErr, sasl.ErrDowngrade) && !errors.As(e.clientErr, &refused) {
					t.Errorf("client: %v", e.clientErr)
				}
			})
		}
	}
}

// rewrite changes features on the way to a client.
type rewrite struct {
	*linktest.Secured
	change func(xmlstream.Node) xmlstream.Node
}

func (r rewrite) Read() (link.Frame, error) {
	f, err := r.Secured.Read()
	if err == nil && f.Kind == link.Element && f.Element.Name.Local == "features" {
		n, _ := f.Element.Tree()
		e := xmlstream.NewEncoder(nil, "")
		r.change(n).Encode(e)
		f.Element, err = xmlstream.ParseElement(e.Bytes(), xmlstream.DefaultLimits())
	}
	return f, err
}

func dropNS(n xmlstream.Node, ns string) xmlstream.Node {
	n.Children = slices.DeleteFunc(slices.Clone(n.Children), func(c xmlstream.Node) bool { return c.Name.Space == ns })
	return n
}

func dropMechanisms(match func(string) bool) func(xmlstream.Node) xmlstream.Node {
	return func(n xmlstream.Node) xmlstream.Node {
		n.Children = slices.Clone(n.Children)
		for i, c := range n.Children {
			c.Children = slices.DeleteFunc(slices.Clone(c.Children), func(m xmlstream.Node) bool {
				return m.Name.Local == "mechanism" && match(m.InnerText())
			})
			n.Children[i] = c
		}
		return n
	}
}

// A man in the middle who ends TLS on both sides and passes everything on: the
// two channels differ, and -PLUS notices.
func TestChannelBindingFindsTheManInTheMiddle(t *testing.T) {
	r := &registry{}
	x, y := pipe(linktest.Options{})
	x.Bindings = map[string][]byte{link.TLSExporter: []byte("the channel to the man in the middle")}
	e := join(t, x, y, clientConfig(), serverConfig(r))
	var refused *stream.AuthError
	if !errors.As(e.clientErr, &refused) || refused.Condition != sasl.NotAuthorized || len(r.binds) > 0 {
		t.Errorf("client: %v", e.clientErr)
	}
}

func TestBindRefused(t *testing.T) {
	for _, two := range []bool{false, true} {
		r := &registry{onBind: func(stream.BindRequest) error { return stanza.ErrResourceConstraint().WithText("too many") }}
		x, y := pipe(linktest.Options{})
		var a link.Link = x
		if !two {
			a = hideSASL2{x}
		}
		e := join(t, a, y, clientConfig(), serverConfig(r))
		if two {
			var told *stream.Error
			if !errors.As(e.clientErr, &told) || !told.Remote || told.Condition != stream.ResourceConstraint || told.Text != "too many" {
				t.Errorf("Bind 2: %v", e.clientErr)
			}
			continue
		}
		var told *stream.BindError
		if !errors.As(e.clientErr, &told) || told.Err.Text != "too many" {
			t.Errorf("legacy: %v", e.clientErr)
		}
	}
}

func TestWishedResource(t *testing.T) {
	cc := clientConfig()
	cc.JID, _ = alice.WithResource("phone")
	x, y := pipe(linktest.Options{})
	e := join(t, hideSASL2{x}, y, cc, serverConfig(&registry{}))
	if e.clientErr != nil || e.session.JID.String() != "alice@b.example/phone" {
		t.Errorf("%v, %v", e.session, e.clientErr)
	}
}

// A binder that errs must not let one account into another.
func TestBinderCannotCrossAccounts(t *testing.T) {
	r := &evilBinder{}
	sc := serverConfig(&registry{})
	sc.Binder = r
	for _, two := range []bool{false, true} {
		x, y := pipe(linktest.Options{})
		var a link.Link = x
		if !two {
			a = hideSASL2{x}
		}
		if e := join(t, a, y, clientConfig(), sc); e.clientErr == nil {
			t.Error("bound to somebody else's address")
		}
	}
}

type evilBinder struct{ registry }

func (*evilBinder) Bind(context.Context, stream.BindRequest) (stream.Bound, error) {
	return stream.Bound{JID: jid.MustParse("mallory@b.example/x")}, nil
}

// What the server sends while the resource is being bound comes after the
// answer, whatever the goroutine.
func TestSendingDuringBindWaits(t *testing.T) {
	for _, two := range []bool{false, true} {
		r := &registry{onBind: func(q stream.BindRequest) error {
			if err := q.Stream.Send(message("early")); err != nil {
				return err
			}
			if err := q.Stream.SendRaw([]byte("<x/>")); !errors.Is(err, stream.ErrNegotiating) {
				t.Errorf("SendRaw: %v", err)
			}
			return q.Stream.Send(message("bird"))
		}}
		x, y := pipe(linktest.Options{})
		var a link.Link = x
		if !two {
			a = hideSASL2{x}
		}
		e := join(t, a, y, clientConfig(), serverConfig(r))
		if e.clientErr != nil {
			t.Fatal(e.clientErr)
		}
		nextBody(t, e.client, "early")
		nextBody(t, e.client, "bird")
	}
}
