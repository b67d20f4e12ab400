package quic

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"godwit/jid"
	"godwit/link"
	"godwit/peer"
	"godwit/stanza"
	"godwit/xep/reach"
	"godwit/xmlstream"
)

// childVariable makes the test binary a client of its own: "JID STUN-SERVER [CLASS]".
// It is run in the network namespaces of a lab.
const childVariable = "GODWIT_PEER_QUIC_CHILD"

// child speaks with its parent by lines. In: "iq XML", "connect JID", "say TEXT".
// Out: "iq XML", "up TRANSPORT-PATH MILLISECONDS", "heard TEXT", "down REASON".
func child() {
	self, server, _ := strings.Cut(os.Getenv(childVariable), " ")
	server, class, _ := strings.Cut(server, " ")
	var mu sync.Mutex
	out := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf(format+"\n", args...)
	}
	transport, err := New(Config{Logger: testLogger()})
	if err != nil {
		out("fatal %v", err)
		return
	}
	transport.SetServices(servicesAt(server))
	transport.SetReach(reach.Reach{Class: reach.Class(class)})
	var begun time.Time
	var current link.Link
	introducer := peer.New(peer.Config{
		Send: func(s *stanza.Stanza) error {
			out("iq %s", s.WithFrom(jid.MustParse(self)))
			return nil
		},
		Transports: []peer.Transport{transport},
		Policy:     func(jid.JID) peer.Decision { return peer.Decision{Talk: true, Addresses: peer.AllAddresses} },
		Report: func(r peer.Report) {
			switch r.State {
			case peer.Connecting:
				begun = time.Now()
			case peer.Up:
				_ = r.Link.Open(link.Header{Version: "1.0"})
				mu.Lock()
				current = r.Link
				mu.Unlock()
				out("up %s>%s %d", r.Path.LocalKind, r.Path.RemoteKind, time.Since(begun).Milliseconds())
				go listen(r.Link, out)
			case peer.Down:
				out("down %v", r.Reason)
			}
		},
	})
	introducer.SetSelf(jid.MustParse(self))
	out("ready")
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		verb, rest, _ := strings.Cut(lines.Text(), " ")
		switch verb {
		case "iq":
			if el, err := xmlstream.ParseElement([]byte(rest), xmlstream.DefaultLimits()); err == nil {
				if s, err := stanza.FromElement(&el); err == nil {
					introducer.HandleIQ(s)
				}
			}
		case "connect":
			_ = introducer.Connect(jid.MustParse(rest), features)
		case "say":
			mu.Lock()
			l := current
			mu.Unlock()
			if l != nil {
				e := xmlstream.NewEncoder(nil, l.InheritedNS())
				e.Leaf("jabber:client", "message", rest)
				_ = l.Send(e.Bytes())
			}
		}
	}
	introducer.Close()
	_ = transport.Close()
}

func listen(l link.Link, out func(string, ...any)) {
	for {
		frame, err := l.Read()
		if err != nil {
			out("silent %v", err)
			_ = l.Close(nil)
			return
		}
		if frame.Kind == link.Element {
			out("heard %s", frame.Element.Inner)
		}
	}
}
