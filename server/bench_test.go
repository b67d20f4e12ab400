package server_test

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"testing"

	"godwit/jid"
)

func inUse() (heap, stack uint64) {
	for range 3 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc, m.StackInuse
}

// BenchmarkIdleSession measures what a session that does nothing holds: link, stream, session and account, its parked reader, and the pipe in
// memory that stands for a connection.
func BenchmarkIdleSession(b *testing.B) {
	for _, kind := range []string{"bound", "available", "acknowledged"} {
		b.Run(kind, func(b *testing.B) {
			const sessions = 500
			var names []string
			for i := range sessions {
				names = append(names, fmt.Sprint("user", i))
			}
			w := newWorld(b, nil, names...)
			w.connect(b, names[0], "warm").cut()
			for b.Loop() {
				heap, stack := inUse()
				all := make([]*raw, sessions)
				for i, name := range names {
					r := w.connect(b, name, "phone")
					if kind == "acknowledged" {
						r.say(b, `<enable xmlns='urn:xmpp:sm:3' resume='true'/>`)
						r.until(b, "<enabled")
						r.until(b, ">")
					}
					if kind != "bound" {
						r.say(b, `<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://example.org' ver='QgayPKawpkPSDYmwT/WM94uAlu0='/></presence>`)
						r.ping(b, "p1")
						r.say(b, `<a xmlns='urn:xmpp:sm:3' h='3'/>`)
						r.ping(b, "p2")
						r.say(b, `<a xmlns='urn:xmpp:sm:3' h='4'/>`)
					}
					r.buf = nil
					all[i] = r
				}
				h, s := inUse()
				b.ReportMetric(float64(h-heap)/sessions, "heap-bytes/session")
				b.ReportMetric(float64(s-stack)/sessions, "stack-bytes/session")
				b.ReportMetric(0, "ns/op")
				for _, r := range all {
					r.cut()
				}
				for _, name := range names { // those that wait to be resumed
					w.AccountRemoved(jid.MustParse(name + "@localhost"))
				}
			}
		})
	}
}

// BenchmarkMessageThrough is one message from the bytes of one connection to the bytes of another: link, stream, pipeline, accounts, stream,
// link. Both connections are pipes in memory; nothing is stored.
func BenchmarkMessageThrough(b *testing.B) {
	w := newWorld(b, nil, "alice", "bob")
	from, to := w.connect(b, "alice", "a"), w.connect(b, "bob", "b")
	to.say(b, `<presence/>`)
	to.ping(b, "here")
	from.say(b, `<iq type='set' id='p'><prefs xmlns='urn:xmpp:mam:2' default='never'/></iq>`)
	from.until(b, "</iq>")
	to.say(b, `<iq type='set' id='p'><prefs xmlns='urn:xmpp:mam:2' default='never'/></iq>`)
	to.until(b, "id='p'")
	to.until(b, "</iq>")
	const batch = 64
	message := []byte(`<message to='bob@localhost/b' type='chat' id='0123456789'><body>How are you today?</body><origin-id xmlns='urn:xmpp:sid:0' id='0123456789'/></message>`)
	many := bytes.Repeat(message, batch)
	arrived := make(chan int, 1024)
	go func() {
		defer close(arrived)
		buf := make([]byte, 64<<10)
		for {
			n, err := to.Read(buf)
			if err != nil {
				return
			}
			arrived <- bytes.Count(buf[:n], []byte("</message>"))
		}
	}()
	go io.Copy(io.Discard, from)
	b.ReportAllocs()
	b.SetBytes(int64(len(message)))
	sent, got := 0, 0
	for b.Loop() {
		if sent%batch == 0 {
			if _, err := from.Write(many); err != nil {
				b.Fatal(err)
			}
		}
		sent++
		for len(arrived) > 0 {
			got += <-arrived
		}
	}
	_ = got
	from.cut()
	to.cut()
	for range arrived {
	}
}
