package stream_test

import (
	"context"
	"io"
	"net"
	"testing"

	"godwit/jid"
	"godwit/link/bytestream"
	"godwit/link/linktest"
	"godwit/stream"
	"godwit/xmlstream"
)

// FuzzServer walks a server into each of its states and then says anything.
// Whatever comes: no panic, no hang, and nobody signed in who had not before.
func FuzzServer(f *testing.F) {
	for i := range states {
		for _, s := range []string{"", header, auth1, bindIQ, "<r xmlns='urn:xmpp:sm:3'/>", "<enable xmlns='urn:xmpp:sm:3' resume='true'/>",
			"<response xmlns='" + nsSASL + "'>Yz1iaXdzLHI9MDEyMw==</response>", "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
			"<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-1'><bind xmlns='urn:xmpp:bind:0'/><resume xmlns='urn:xmpp:sm:3' previd='x' h='1'/></authenticate>",
			"<message to='a@b'><body>x</body></message></stream:stream>"} {
			f.Add(uint8(i), []byte(s))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, input []byte) {
		st := states[int(which)%len(states)]
		k := talkTo(t, st, func(sc *stream.ServerConfig) {
			no := xmlstream.DefaultLimits()
			sc.Limits = &no
		})
		k.conn.Write(input)
		k.conn.Close()
		<-k.done
		for _, b := range k.reg.binds {
			if b.Stream.Peer().Account != alice {
				t.Errorf("bound for %s", b.Stream.Peer().Account)
			}
		}
	})
}

// FuzzClient lets a server answer anything, after a header and features or not.
func FuzzClient(f *testing.F) {
	const head = "<stream:stream from='b.example' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
	f.Add([]byte(head + "<stream:features><mechanisms xmlns='" + nsSASL + "'><mechanism>PLAIN</mechanism></mechanisms></stream:features><success xmlns='" + nsSASL + "'/>"))
	f.Add([]byte(head + "<stream:features><mechanisms xmlns='" + nsSASL + "'><mechanism>SCRAM-SHA-1</mechanism></mechanisms></stream:features><challenge xmlns='" + nsSASL + "'>cj1h</challenge>"))
	f.Add([]byte(head + "<stream:features><authentication xmlns='urn:xmpp:sasl:2'><mechanism>PLAIN</mechanism><inline><bind xmlns='urn:xmpp:bind:0'/></inline></authentication></stream:features>" +
		"<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>alice@b.example/x</authorization-identifier><bound xmlns='urn:xmpp:bind:0'/></success><stream:features/><message/>"))
	f.Add([]byte(head + "<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>c:1</see-other-host></stream:error>"))
	f.Fuzz(func(t *testing.T, input []byte) {
		x, y := net.Pipe()
		a := &linktest.Secured{Link: bytestream.New(y, linktest.Options{}.Config())}
		a.Info.Version = "TLS 1.3"
		go io.Copy(io.Discard, x)
		go func() {
			x.Write(input)
			x.Close()
		}()
		cc := clientConfig()
		cc.Resume = &stream.Resumption{ID: "x", JID: jid.MustParse("alice@b.example/x"), Management: stream.NewManagement(0)}
		s, session, err := stream.Connect(context.Background(), a, cc)
		if err == nil {
			if session.JID.Bare() != alice {
				t.Errorf("signed in as %s", session.JID)
			}
			untilEnd(s)
		}
		a.Abort()
		<-a.Done()
	})
}

// FuzzDirect lets the other end of a direct link say anything.
func FuzzDirect(f *testing.F) {
	f.Add(true, []byte("<stream:stream from='bob@b.example/y' to='alice@b.example/x' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'><stream:features/><enabled xmlns='urn:xmpp:sm:3'/><message/>"))
	f.Add(false, []byte("<stream:stream from='bob@b.example/y' to='alice@b.example/x' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'><enable xmlns='urn:xmpp:sm:3'/><message/><r xmlns='urn:xmpp:sm:3'/>"))
	f.Fuzz(func(t *testing.T, initiator bool, input []byte) {
		x, y := net.Pipe()
		l := bytestream.New(y, linktest.Options{}.Config())
		go io.Copy(io.Discard, x)
		go func() {
			x.Write(input)
			x.Close()
		}()
		s, err := stream.Direct(context.Background(), l, stream.DirectConfig{Local: aliceX, Remote: bobY, Initiator: initiator})
		if err == nil {
			untilEnd(s)
		}
		l.Abort()
		<-l.Done()
	})
}
