package server_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"godwit/server"
	"godwit/store"
)

// TestForgedFrom: nobody speaks in another's name, in no kind of stanza (RFC 6120 §8.1.2.1).
func TestForgedFrom(t *testing.T) {
	w := newWorld(t, nil, "alice", "bob", "mallory")
	bob := w.connect(t, "bob", "desk")
	defer bob.cut()
	bob.say(t, "<presence/>")
	bob.ping(t, "here")
	for _, from := range []string{"alice@localhost", "alice@localhost/x", "bob@localhost", "localhost", "mallory@localhost/other", "mallory@elsewhere.example", "mallory"} {
		for _, st := range []string{
			`<message from='%s' to='bob@localhost' type='chat'><body>trust me</body></message>`,
			`<presence from='%s' to='bob@localhost'/>`,
			`<presence from='%s' to='bob@localhost' type='subscribe'/>`,
			`<iq from='%s' to='bob@localhost/desk' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>`,
			`<iq from='%s' to='localhost' type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>`,
		} {
			m := w.connect(t, "mallory", "x")
			m.say(t, fmt.Sprintf(st, from))
			if got := m.until(t, "</stream:error>"); !strings.Contains(got, "invalid-from") {
				t.Errorf("%s: %s", fmt.Sprintf(st, from), got)
			}
			m.cut()
		}
	}
	if got := bob.ping(t, "end"); strings.Contains(got, "trust me") || strings.Contains(got, "<presence") || strings.Contains(got, "urn:xmpp:ping'") {
		t.Errorf("bob got %s", got)
	}
}

// flood says n messages of about 1 kB and reads what is said about them.
func flood(t *testing.T, r *raw, to string, n int) {
	text := strings.Repeat(fmt.Sprintf("<message to='%s' type='chat'><body>%s</body></message>", to, strings.Repeat("x", 1000)), 100)
	for i := 0; i < n; i += 100 {
		said := make(chan struct{})
		go func() {
			defer close(said)
			io.WriteString(r, text)
			fmt.Fprintf(r, "<iq type='get' to='localhost' id='f%d.'><ping xmlns='urn:xmpp:ping'/></iq>", i)
		}()
		r.until(t, fmt.Sprintf("id='f%d.'", i))
		r.until(t, ">")
		<-said
	}
}

// TestSlowReader: a client that does not read costs a bounded amount of memory and nobody else's time; then its connection is given up.
func TestSlowReader(t *testing.T) {
	for _, managed := range []bool{false, true} {
		t.Run(fmt.Sprint("managed ", managed), func(t *testing.T) {
			w := newWorld(t, func(c *server.Config) {
				c.ArchiveDefault, c.Accounts.InboxEntries = store.ArchiveNever, 10
			}, "alice", "bob")
			bob := w.connect(t, "bob", "desk")
			if managed {
				bob.say(t, "<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
				bob.until(t, "<enabled")
				bob.until(t, ">")
			}
			bob.say(t, "<presence/>")
			bob.ping(t, "here")
			alice := w.connect(t, "alice", "phone")
			defer alice.cut()
			before, _ := inUse()
			flood(t, alice, "bob@localhost", 20_000) // 20 MB
			after, _ := inUse()
			if grown := int64(after) - int64(before); grown > 8<<20 {
				t.Errorf("memory grew by %d MB", grown>>20)
			}
			select {
			case <-bob.gone:
			case <-time.After(time.Minute):
				t.Error("the connection of a client that does not read is kept")
			}
			bob.Close()
		})
	}
}

// TestPresenceStorm: however often somebody changes presence, contacts that do not read cost a bounded amount of memory.
func TestPresenceStorm(t *testing.T) {
	const contacts = 5
	names := []string{"alice"}
	for i := range contacts {
		names = append(names, fmt.Sprint("contact", i))
	}
	w := newWorld(t, nil, names...)
	alice := w.connect(t, "alice", "phone")
	defer alice.cut()
	var others []*raw
	for _, name := range names[1:] {
		r := w.connect(t, name, "x")
		r.say(t, "<presence to='alice@localhost' type='subscribe'/><presence/>")
		r.ping(t, "asked")
		alice.say(t, "<presence to='"+name+"@localhost' type='subscribed'/>")
		alice.ping(t, "granted")
		others = append(others, r)
	}
	before, _ := inUse()
	text := strings.Repeat("<presence><status>"+strings.Repeat("x", 1000)+"</status></presence>", 100)
	for i := range 100 { // 10 MB for each contact
		said := make(chan struct{})
		go func() {
			defer close(said)
			io.WriteString(alice, text)
			fmt.Fprintf(alice, "<iq type='get' to='localhost' id='s%d.'><ping xmlns='urn:xmpp:ping'/></iq>", i)
		}()
		alice.until(t, fmt.Sprintf("id='s%d.'", i))
		alice.until(t, ">")
		<-said
	}
	after, _ := inUse()
	if grown := int64(after) - int64(before); grown > contacts*5<<19 {
		t.Errorf("memory grew by %d MB for %d contacts", grown>>20, contacts)
	}
	for _, r := range others {
		r.Close()
		<-r.gone
	}
}

// TestStopWhileBusy: stopping under traffic ends everything in bounded time; what was acknowledged is in an archive or an inbox.
func TestStopWhileBusy(t *testing.T) {
	w := newWorld(t, nil, "alice", "bob")
	bob := w.connect(t, "bob", "desk")
	bob.say(t, "<presence/>")
	bob.ping(t, "here")
	go io.Copy(io.Discard, bob)
	alice := w.connect(t, "alice", "phone")
	alice.say(t, "<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
	alice.until(t, "<enabled")
	alice.until(t, ">")
	said := make(chan struct{})
	go func() {
		defer close(said)
		for i := 0; ; i++ {
			if _, err := fmt.Fprintf(alice, "<message to='bob@localhost' type='chat' id='%d'><body>x</body></message>", i); err != nil {
				return
			}
		}
	}()
	w.waitStored(t, 100)
	stopped := make(chan error, 1)
	go func() { stopped <- w.Stop(t.Context()) }()
	rest := alice.until(t, "</stream:stream>")
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	<-said
	if !strings.Contains(rest, "system-shutdown") {
		t.Errorf("the client was told %s", rest)
	}
	var h int
	if i := strings.LastIndex(rest, "h='"); i < 0 {
		t.Fatalf("no last count in %s", rest)
	} else {
		fmt.Sscanf(rest[i:], "h='%d'", &h)
	}
	page, err := w.store.Archive().Query(t.Context(), store.ArchiveQuery{Owner: mustParse("bob@localhost"), Count: true})
	if err != nil || page.Count < h {
		t.Errorf("%d acknowledged, %d in the archive, %v", h, page.Count, err)
	}
	bob.Close()
	alice.Close()
}
