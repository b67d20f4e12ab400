package server_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"time"
)

// walks lead a fresh connection into each state in which a client may say something.
var walks = []struct {
	name string
	walk func(t testing.TB, w *world) *raw
}{
	{"nothing said", func(_ testing.TB, w *world) *raw { return w.dial() }},
	{"header said", func(t testing.TB, w *world) *raw {
		r := w.dial()
		r.say(t, header)
		r.until(t, "</stream:features>")
		return r
	}},
	{"authenticating", func(t testing.TB, w *world) *raw {
		r := w.dial()
		r.say(t, header)
		r.until(t, "</stream:features>")
		r.say(t, `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-1'>biwsbj1hbGljZSxyPWFiY2RlZmdoaWprbG1ub3BxcnN0dXZ3eHl6</auth>`)
		r.until(t, "</challenge>")
		return r
	}},
	{"authenticated", func(t testing.TB, w *world) *raw {
		r := w.dial()
		r.authenticate(t, "alice")
		return r
	}},
	{"bound", func(t testing.TB, w *world) *raw { return w.connect(t, "alice", "") }},
	{"available and acknowledging", func(t testing.TB, w *world) *raw {
		r := w.connect(t, "alice", "")
		r.say(t, `<enable xmlns='urn:xmpp:sm:3' resume='true'/>`)
		r.until(t, "<enabled")
		r.until(t, ">")
		r.say(t, `<presence/>`)
		r.ping(t, "here")
		return r
	}},
}

// FuzzSession feeds whatever a client may say to a server in each state. The server must not log an error, must end the session when the
// connection ends, and everything it says must be well-formed, by another parser than its own.
func FuzzSession(f *testing.F) {
	for state := range walks {
		for _, text := range []string{
			`<message to='bob@localhost' type='chat'><body>x</body><origin-id xmlns='urn:xmpp:sid:0' id='1'/></message>`,
			`<presence to='bob@localhost' type='subscribe'/><presence><priority>-1</priority></presence><presence type='unavailable'/>`,
			`<iq type='set' id='1'><query xmlns='jabber:iq:roster'><item jid='bob@localhost' name='&lt;&amp;'><group>&#x9;</group></item></query></iq>`,
			`<iq type='set' id='1'><query xmlns='urn:xmpp:mam:2' queryid='&apos;'><set xmlns='http://jabber.org/protocol/rsm'><max>1</max><before/></set></query></iq>`,
			`<iq type='set' id='1'><deposit xmlns='urn:godwit:deposit:0'><item direction='sent'><forwarded xmlns='urn:xmpp:forward:0'/></item></deposit></iq>`,
			`<iq type='get' to='localhost' id='1'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>`,
			`<iq type='set' id='1' xml:lang='de' x:y='z' xmlns:x='q'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>r</resource></bind></iq>`,
			`<enable xmlns='urn:xmpp:sm:3' resume='1' max='9'/><r xmlns='urn:xmpp:sm:3'/><a xmlns='urn:xmpp:sm:3' h='1'/><resume xmlns='urn:xmpp:sm:3' previd='x' h='0'/>`,
			`<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>AGFsaWNlAHBlbmNpbA==</initial-response><bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:sm:3'/></bind></authenticate>`,
			`<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>Yz1iaXdzLHI9eA==</response><abort xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>`,
			`<?xml version='1.0'?>` + header + `</stream:stream>`,
			`<stream:error><reset xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>`,
			"<message to='\x00'>\xff", "<<<", "</stream:stream>",
		} {
			f.Add(byte(state), []byte(text))
		}
	}
	w := newWorld(f, nil, "bob")
	var n atomic.Int64
	f.Fuzz(func(t *testing.T, state byte, data []byte) {
		w.create(t, "alice")
		defer w.remove(t, "alice") // what one input left must not meet the next
		r := walks[int(state)%len(walks)].walk(t, w)
		said := make(chan []byte, 1)
		go func() { // what the server says
			text, _ := io.ReadAll(r)
			said <- append(r.buf, text...)
		}()
		_ = r.SetWriteDeadline(time.Now().Add(time.Minute))
		_, _ = r.Write(data)
		_, _ = fmt.Fprintf(r, "<iq type='get' to='localhost' id='end%d'><ping xmlns='urn:xmpp:ping'/></iq></stream:stream>", n.Add(1))
		r.SetReadDeadline(time.Now().Add(10 * time.Millisecond)) // a server that waits for the rest of something says nothing more
		text := <-said
		r.cut()
		wellFormed(t, text)
		if bad := w.log.String(); bad != "" {
			t.Fatalf("the server logged an error:\n%s", bad)
		}
	})
}

// wellFormed checks what a server said after a header was already read: any number of elements, headers and an end.
func wellFormed(t *testing.T, text []byte) {
	t.Helper()
	d := xml.NewDecoder(io.MultiReader(bytes.NewReader([]byte(header)), bytes.NewReader(text)))
	for {
		_, err := d.Token()
		if err == io.EOF {
			return
		}
		var bad *xml.SyntaxError
		if err != nil {
			if e, ok := err.(*xml.SyntaxError); ok {
				bad = e
			}
			if bad != nil && bad.Msg == "unexpected EOF" {
				return // cut off
			}
			t.Fatalf("%v in what the server said:\n%s", err, text)
		}
	}
}
