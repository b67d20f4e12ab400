package stream_test

import (
	"context"
	"encoding/base64"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"godwit/link"
	"godwit/link/bytestream"
	"godwit/link/linktest"
	"godwit/stream"
)

const (
	header = "<?xml version='1.0'?><stream:stream to='b.example' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
	nsSASL = "urn:ietf:params:xml:ns:xmpp-sasl"
)

var (
	plainAlice  = base64.StdEncoding.EncodeToString([]byte("\x00alice\x00" + password))
	plainBob    = base64.StdEncoding.EncodeToString([]byte("bob@b.example\x00alice\x00" + password))
	scramFirst  = base64.StdEncoding.EncodeToString([]byte("n,,n=alice,r=0123456789abcdefghij"))
	scramForBob = base64.StdEncoding.EncodeToString([]byte("n,a=bob@b.example,n=alice,r=0123456789abcdefghij"))
	auth1       = "<auth xmlns='" + nsSASL + "' mechanism='PLAIN'>" + plainAlice + "</auth>"
	bindIQ      = "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
)

// state is how far a server has been walked.
type state struct {
	name   string
	secure bool
	// steps are sent one after the other, each after the answer to the one
	// before has the mark in it.
	steps []step
}

type step struct{ send, mark string }

var (
	stStart   = state{"nothing said", true, nil}
	stPlain   = state{"unencrypted", false, []step{{header, "</stream:features>"}}}
	stHeader  = state{"unauthenticated", true, []step{{header, "</stream:features>"}}}
	stScram1  = state{"in an exchange of RFC 6120", true, append(stHeader.steps, step{"<auth xmlns='" + nsSASL + "' mechanism='SCRAM-SHA-1'>" + scramFirst + "</auth>", "</challenge>"})}
	stScram2  = state{"in an exchange of XEP-0388", true, append(stHeader.steps, step{"<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-1'><initial-response>" + scramFirst + "</initial-response></authenticate>", "</challenge>"})}
	stAuthed1 = state{"authenticated by RFC 6120", true, append(stHeader.steps, step{auth1, "<success"}, step{header, "</stream:features>"})}
	stSuccess = state{"before the restart", true, append(stHeader.steps, step{auth1, "<success"})}
	stAuthed2 = state{"authenticated by XEP-0388", true, append(stHeader.steps, step{"<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>" + plainAlice + "</initial-response></authenticate>", "</stream:features>"})}
	stBound   = state{"bound", true, append(stAuthed1.steps, step{bindIQ, "</iq>"})}
	states    = []state{stStart, stPlain, stHeader, stScram1, stScram2, stSuccess, stAuthed1, stAuthed2, stBound}
)

// upgradable is a link that appears to do STARTTLS; bytes stay as they are.
type upgradable struct {
	*bytestream.Link
	mu  sync.Mutex
	tls bool
}

func (u *upgradable) TLS() link.TLSInfo {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.tls {
		return link.TLSInfo{Version: "TLS 1.3"}
	}
	return link.TLSInfo{}
}

func (u *upgradable) ChannelBinding(string) ([]byte, bool) { return nil, false }

func (u *upgradable) CanStartTLS() bool { return u.TLS().Version == "" }

func (u *upgradable) StartTLS(ctx context.Context, proceed []byte) error {
	return u.Upgrade(ctx, proceed, func(rwc io.ReadWriteCloser) (io.ReadWriteCloser, error) {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.tls = true
		return rwc, nil
	})
}

// talker is a client of bytes and the server it talks to.
type talker struct {
	conn net.Conn
	reg  *registry
	done chan error // how Accept or Read ended

	mu   sync.Mutex
	out  strings.Builder
	more chan struct{} // closed and replaced with every output
	end  bool
}

func talkTo(t testing.TB, st state, cfg func(*stream.ServerConfig)) *talker {
	t.Helper()
	x, y := net.Pipe()
	o := linktest.Options{CloseTimeout: time.Second}
	base := bytestream.New(y, o.Config())
	var l link.Link = &upgradable{Link: base}
	if st.secure {
		l = &linktest.Secured{Link: base, Info: link.TLSInfo{Version: "TLS 1.3"}}
	}
	k := &talker{conn: x, reg: &registry{}, done: make(chan error, 1), more: make(chan struct{})}
	sc := serverConfig(k.reg)
	if cfg != nil {
		cfg(sc)
	}
	go func() {
		s, err := stream.Accept(context.Background(), l, sc)
		for err == nil {
			var ev stream.Event
			if ev, err = s.Read(); err == nil && ev.Kind == stream.StanzaEvent {
				s.Handled(ev.Seq)
			}
		}
		k.done <- err
		close(k.done)
	}()
	go k.listen()
	t.Cleanup(func() {
		x.Close()
		l.Abort()
		<-l.Done()
		<-k.done
	})
	for _, s := range st.steps {
		if !k.say(s.send, s.mark) {
			t.Fatalf("walking to %q: no %q in %q", st.name, s.mark, k.out.String())
		}
	}
	return k
}

func (k *talker) listen() {
	buf := make([]byte, 4096)
	for {
		n, err := k.conn.Read(buf)
		k.mu.Lock()
		k.out.Write(buf[:n])
		k.end = err != nil
		close(k.more)
		k.more = make(chan struct{})
		k.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// say sends, and waits until the answer has mark in it or the server is gone;
// without a mark it waits for that.
func (k *talker) say(send, mark string) bool {
	k.mu.Lock()
	k.out.Reset()
	k.mu.Unlock()
	go io.WriteString(k.conn, send)
	limit := time.After(10 * time.Second)
	for {
		k.mu.Lock()
		got, end, more := k.out.String(), k.end, k.more
		k.mu.Unlock()
		if mark != "" && strings.Contains(got, mark) {
			return true
		}
		if end {
			return mark == ""
		}
		select {
		case <-more:
		case <-limit:
			return false
		}
	}
}

func (k *talker) heard() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.out.String()
}

func streamError(condition string) string { return "<stream:error><" + condition + " xmlns=" }

func failure(condition string) string {
	return "<failure xmlns='" + nsSASL + "'><" + condition + "/></failure>"
}

func failure2(condition string) string {
	return "<failure xmlns='urn:xmpp:sasl:2'><" + condition + " xmlns='" + nsSASL + "'/></failure>"
}

func hdr(attrs string) string {
	return "<stream:stream " + attrs + " xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
}

// badInput is what a server may hear in each state, and what it answers. A row
// that does not end the stream may be followed by better.
var badInput = []struct {
	why, input string
	state      state
	want       string
	ends       bool
}{
	// RFC 6120 §4.7, §4.9.3: headers.
	{"no version", hdr("to='b.example'"), stStart, streamError("unsupported-version"), true},
	{"version before XMPP", hdr("to='b.example' version='0.9'"), stStart, streamError("unsupported-version"), true},
	{"version that is none", hdr("to='b.example' version='+1.0'"), stStart, streamError("unsupported-version"), true},
	{"a later version falls back to ours", hdr("to='b.example' version='2.1'"), stStart, "version='1.0'", false},
	{"1.10 is not before 1.2", hdr("to='b.example' version='1.10'"), stStart, "<stream:features>", false},
	{"no domain", hdr("version='1.0'"), stStart, streamError("host-unknown"), true},
	{"a foreign domain", hdr("to='c.example' version='1.0'"), stStart, streamError("host-unknown"), true},
	{"a domain that is none", hdr("to='@' version='1.0'"), stStart, streamError("host-unknown"), true},
	{"a user instead of a domain", hdr("to='alice@b.example' version='1.0'"), stStart, streamError("host-unknown"), true},
	{"the same domain spelled differently", hdr("to='B.EXAMPLE' version='1.0'"), stStart, "<stream:features>", false},
	{"a sender that is no address", hdr("to='b.example' from='@' version='1.0'"), stStart, streamError("invalid-from"), true},
	{"a sender of another domain", hdr("to='b.example' from='alice@c.example' version='1.0'"), stStart, streamError("invalid-from"), true},
	{"the sender is addressed in the answer", hdr("to='b.example' from='alice@b.example' version='1.0'"), stStart, "to='alice@b.example'", false},
	{"servers' namespace", strings.ReplaceAll(header, "jabber:client", "jabber:server"), stStart, streamError("invalid-namespace"), true},
	{"no stream namespace", strings.ReplaceAll(header, "etherx.jabber.org", "example.org"), stStart, streamError("invalid-namespace"), true},
	{"an element instead of a header", "<iq xmlns='jabber:client'/>", stStart, streamError("invalid-namespace"), true},
	{"HTTP", "GET / HTTP/1.1\r\n\r\n", stStart, "<stream:error>", true},
	{"a DTD", "<!DOCTYPE a [<!ENTITY b 'c'>]>" + header, stStart, streamError("restricted-xml"), true},
	{"a stanza too large before authentication", header + "<iq><a>" + strings.Repeat("x", 11<<10) + "</a></iq>", stStart, streamError("policy-violation"), true},
	{"too much in all before authentication", strings.Repeat(" ", 40<<10), stHeader, streamError("policy-violation"), true},

	// RFC 6120 §5: STARTTLS.
	{"signing in unencrypted", auth1, stPlain, failure("encryption-required"), false},
	{"SASL2 unencrypted", "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'/>", stPlain, failure2("encryption-required"), false},
	{"a stanza instead of STARTTLS", "<presence/>", stPlain, streamError("not-authorized"), true},
	{"STARTTLS", "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", stPlain, "<proceed", false},
	{"STARTTLS with bytes behind it", "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><iq type='get' id='1'/>", stPlain, "", true},
	{"STARTTLS where there is TLS already", "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", stHeader, "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'", true},
	{"another element of that namespace", "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", stPlain, streamError("not-authorized"), true},

	// RFC 6120 §6: SASL.
	{"a message before authentication", "<message to='alice@b.example'><body>x</body></message>", stHeader, streamError("not-authorized"), true},
	{"binding before authentication", bindIQ, stHeader, streamError("not-authorized"), true},
	{"compression is not offered (XEP-0138)", "<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>", stHeader, streamError("not-authorized"), true},
	{"resuming before authentication (XEP-0198 §3)", "<resume xmlns='urn:xmpp:sm:3' previd='x' h='0'/>", stHeader, "<unexpected-request", false},
	{"an unknown mechanism", "<auth xmlns='" + nsSASL + "' mechanism='CRAM-MD5'/>", stHeader, failure("invalid-mechanism"), false},
	{"a mechanism that is no name", "<auth xmlns='" + nsSASL + "' mechanism='plain text'/>", stHeader, failure("malformed-request"), false},
	{"no mechanism", "<auth xmlns='" + nsSASL + "'/>", stHeader, failure("malformed-request"), false},
	{"-PLUS where the channel cannot be bound", "<auth xmlns='" + nsSASL + "' mechanism='SCRAM-SHA-1-PLUS'/>", stHeader, failure("invalid-mechanism"), false},
	{"bad base64", "<auth xmlns='" + nsSASL + "' mechanism='PLAIN'>***</auth>", stHeader, failure("incorrect-encoding"), false},
	{"base64 with a line break", "<auth xmlns='" + nsSASL + "' mechanism='PLAIN'>" + plainAlice[:4] + "\n" + plainAlice[4:] + "</auth>", stHeader, failure("incorrect-encoding"), false},
	{"PLAIN without its parts", "<auth xmlns='" + nsSASL + "' mechanism='PLAIN'>YQ==</auth>", stHeader, failure("malformed-request"), false},
	{"PLAIN for somebody else", "<auth xmlns='" + nsSASL + "' mechanism='PLAIN'>" + plainBob + "</auth>", stHeader, failure("invalid-authzid"), false},
	{"PLAIN for somebody else, SASL2", "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>" + plainBob + "</initial-response></authenticate>", stHeader, failure2("invalid-authzid"), false},
	{"SCRAM for somebody else", "<auth xmlns='" + nsSASL + "' mechanism='SCRAM-SHA-256'>" + scramForBob + "</auth>", stHeader, failure("invalid-authzid"), false},
	{"SCRAM for somebody else, SASL2", "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-256'><initial-response>" + scramForBob + "</initial-response></authenticate>", stHeader, failure2("invalid-authzid"), false},
	{"no initial response: asked for", "<auth xmlns='" + nsSASL + "' mechanism='PLAIN'/>", stHeader, "<challenge xmlns='" + nsSASL + "'/>", false},
	{"a response out of nowhere", "<response xmlns='" + nsSASL + "'/>", stHeader, failure("malformed-request"), false},
	{"a response out of nowhere, SASL2", "<response xmlns='urn:xmpp:sasl:2'/>", stHeader, failure2("malformed-request"), false},
	{"a user agent that is none", "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><user-agent id='x'/></authenticate>", stHeader, failure2("malformed-request"), false},
	{"giving up", "<abort xmlns='" + nsSASL + "'/>", stScram1, failure("aborted"), false},
	{"giving up, SASL2", "<abort xmlns='urn:xmpp:sasl:2'/>", stScram2, failure2("aborted"), false},
	{"garbage as a response", "<response xmlns='" + nsSASL + "'>AAAA</response>", stScram1, "<failure", false},
	{"bad base64 as a response", "<response xmlns='urn:xmpp:sasl:2'>A</response>", stScram2, failure2("incorrect-encoding"), false},
	{"a new attempt inside an exchange", auth1, stScram1, streamError("policy-violation"), true},
	{"a stanza inside an exchange", "<presence/>", stScram2, streamError("policy-violation"), true},
	{"a response of the other profile", "<response xmlns='" + nsSASL + "'>AAAA</response>", stScram2, streamError("policy-violation"), true},
	{"a header claiming another user", hdr("to='b.example' from='bob@b.example' version='1.0'") + auth1, stStart, failure("invalid-authzid"), false},

	// After authentication.
	{"another domain after authentication", hdr("to='d.example' version='1.0'"), stSuccess, streamError("not-authorized"), true},
	{"another user after authentication", hdr("to='b.example' from='bob@b.example' version='1.0'"), stSuccess, streamError("invalid-from"), true},
	{"no restart", bindIQ, stSuccess, "<stream:error>", true},
	{"authenticating twice", auth1, stAuthed1, streamError("not-authorized"), true},
	{"authenticating twice, SASL2", "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'/>", stAuthed2, streamError("not-authorized"), true},
	{"a message before binding", "<message to='bob@b.example'/>", stAuthed1, streamError("not-authorized"), true},
	{"an IQ to somebody before binding (RFC 6120 §7.1)", "<iq type='get' id='1' to='bob@b.example'><a xmlns='b'/></iq>", stAuthed2, streamError("not-authorized"), true},
	{"an IQ to the server before binding", "<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>", stAuthed1, "<not-authorized", false},
	{"a request without id", "<iq type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>", stAuthed1, "<bad-request", false},
	{"a resource too long", "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>" + strings.Repeat("x", 1024) + "</resource></bind></iq>", stAuthed1, "<not-acceptable", false},
	{"a resource that cannot be one", "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>&#xAD;&#x200B;</resource></bind></iq>", stAuthed1, "<bad-request", false},
	{"binding", bindIQ, stAuthed1, "<jid>alice@b.example/", false},
	{"binding after SASL2", bindIQ, stAuthed2, "<jid>alice@b.example/", false},
	{"enabling before binding (XEP-0198 §3)", "<enable xmlns='urn:xmpp:sm:3'/>", stAuthed1, "<unexpected-request", false},
	{"resuming what does not exist", "<resume xmlns='urn:xmpp:sm:3' previd='x' h='0'/>", stAuthed1, "<item-not-found", false},
	{"resuming without a count", "<resume xmlns='urn:xmpp:sm:3' previd='x'/>", stAuthed2, "<bad-request", false},
	{"never binding", strings.Repeat("<iq type='get' id='1'><a xmlns='b'/></iq>", 6), stAuthed1, streamError("policy-violation"), true},

	// Bound.
	{"a second header", header, stBound, "<stream:error>", true},
	{"authenticating again (XEP-0388 §6.6)", "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'/>", stBound, streamError("policy-violation"), true},
	{"STARTTLS again", "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", stBound, streamError("policy-violation"), true},
	{"an unknown element", "<foo xmlns='bar'/>", stBound, streamError("unsupported-stanza-type"), true},
	{"an unknown stanza", "<foo/>", stBound, streamError("unsupported-stanza-type"), true},
	{"an acknowledgement without a count", "<a xmlns='urn:xmpp:sm:3'/>", stBound, streamError("policy-violation"), true},
	{"a count that is none", "<a xmlns='urn:xmpp:sm:3' h='-1'/>", stBound, streamError("policy-violation"), true},
	{"a request before enabling is ignored", "<r xmlns='urn:xmpp:sm:3'/><enable xmlns='urn:xmpp:sm:3'/>", stBound, "<enabled", false},
	{"malformed", "<a></b>", stBound, streamError("not-well-formed"), true},
	{"text between stanzas", "hello", stBound, streamError("bad-format"), true},
	{"a comment", "<!-- hello -->", stBound, streamError("restricted-xml"), true},
	{"the peer's own error", "<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>", stBound, "</stream:stream>", true},
	{"the end", "</stream:stream>", stBound, "</stream:stream>", true},
	{"the end in the middle", "</stream:stream>", stScram2, "</stream:stream>", true},
	{"the end before all", "</stream:stream>", stHeader, "</stream:stream>", true},
}

func TestBadInput(t *testing.T) {
	for _, tt := range badInput {
		t.Run(tt.state.name+": "+tt.why, func(t *testing.T) {
			k := talkTo(t, tt.state, nil)
			bound := len(k.reg.binds)
			mark := tt.want
			if tt.ends {
				mark = ""
			}
			if !k.say(tt.input, mark) || !strings.Contains(k.heard(), tt.want) {
				t.Fatalf("want %q, heard %q", tt.want, k.heard())
			}
			if tt.ends {
				if err := <-k.done; err == nil {
					t.Error("no error for the log")
				}
				if len(k.reg.binds) != bound {
					t.Error("a resource was bound")
				}
			}
		})
	}
}

func TestAttemptsAreBounded(t *testing.T) {
	k := talkTo(t, stHeader, func(sc *stream.ServerConfig) { sc.MaxAuthAttempts = 3 })
	wrong := "<auth xmlns='" + nsSASL + "' mechanism='PLAIN'>" + base64.StdEncoding.EncodeToString([]byte("\x00alice\x00wrong")) + "</auth>"
	for range 2 {
		if !k.say(wrong, failure("not-authorized")) {
			t.Fatal(k.heard())
		}
	}
	if !k.say(wrong, "") || !strings.Contains(k.heard(), failure("not-authorized")+streamError("policy-violation")) {
		t.Fatal(k.heard())
	}
}

func TestFailedAttemptMayBeFollowedByAGoodOne(t *testing.T) {
	k := talkTo(t, stScram1, nil)
	if !k.say("<abort xmlns='"+nsSASL+"'/>", failure("aborted")) || !k.say(auth1, "<success") || !k.say(header, "</stream:features>") || !k.say(bindIQ, "<jid>") {
		t.Error(k.heard())
	}
}

// The order of features and what is offered when (RFC 6120 §5.3.1, XEP-0388 §5).
func TestFeatures(t *testing.T) {
	k := talkTo(t, stStart, nil)
	k.say(header, "</stream:features>")
	for _, want := range []string{"<mechanisms xmlns='" + nsSASL + "'>", "<mechanism>SCRAM-SHA-256</mechanism>", "<authentication xmlns='urn:xmpp:sasl:2'>", "<mechanism>PLAIN</mechanism>",
		"<feature var='urn:xmpp:carbons:2'/>", "<feature var='urn:xmpp:sm:3'/>", "<feature var='urn:xmpp:csi:0'/>"} {
		if !strings.Contains(k.heard(), want) {
			t.Errorf("encrypted: no %s in %s", want, k.heard())
		}
	}
	k = talkTo(t, state{"", false, nil}, nil)
	k.say(header, "</stream:features>")
	if !strings.Contains(k.heard(), "<required/></starttls></stream:features>") || strings.Contains(k.heard(), "mechanism") {
		t.Errorf("unencrypted: %s", k.heard())
	}
	k = talkTo(t, state{"", false, nil}, func(sc *stream.ServerConfig) { sc.AllowUnencrypted = true })
	k.say(header, "</stream:features>")
	if !strings.Contains(k.heard(), "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>") || !strings.Contains(k.heard(), "SCRAM-SHA-1<") ||
		strings.Contains(k.heard(), "PLAIN") || strings.Contains(k.heard(), "urn:xmpp:sasl:2") {
		t.Errorf("unencrypted, allowed: %s", k.heard())
	}
}

// After STARTTLS everything begins anew, and nothing said before counts.
func TestStartTLSThenSignIn(t *testing.T) {
	k := talkTo(t, stPlain, nil)
	for _, s := range []step{{"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", "<proceed"}, {header, "</stream:features>"},
		{auth1, "<success"}, {header, "</stream:features>"}, {bindIQ, "<jid>"}} {
		if !k.say(s.send, s.mark) {
			t.Fatalf("no %q in %q", s.mark, k.heard())
		}
	}
	if p := k.reg.last.Peer(); p.TLS.Version == "" {
		t.Errorf("%+v", p)
	}
}
