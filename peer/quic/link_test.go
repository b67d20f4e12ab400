package quic

import (
	"net/netip"
	"testing"

	"godwit/jid"
	"godwit/link"
	"godwit/link/linktest"
	"godwit/peer"
	"godwit/xmlstream"
)

// ends are what one half of a directly driven session reports.
type ends struct {
	links  chan link.Link
	paths  chan peer.Path
	failed chan error
	later  chan xmlstream.Node
}

func newEnds() *ends {
	return &ends{make(chan link.Link, 1), make(chan peer.Path, 1), make(chan error, 1), make(chan xmlstream.Node, 8)}
}

func (e *ends) params(sid string, to jid.JID) peer.Params {
	return peer.Params{SID: sid, Peer: to, Addresses: peer.AllAddresses, Events: peer.Events{
		Candidates: func(n xmlstream.Node) { e.later <- n },
		Connected:  func(l link.Link, p peer.Path) { e.paths <- p; e.links <- l },
		Failed:     func(err error) { e.failed <- err },
	}}
}

func (e *ends) link(t testing.TB) link.Link {
	t.Helper()
	select {
	case l := <-e.links:
		return l
	case err := <-e.failed:
		t.Fatal(err)
		return nil
	}
}

// twoTransports makes two transports on loopback.
func twoTransports(t testing.TB) (one, two *Transport) {
	t.Helper()
	config := Config{Address: netip.MustParseAddrPort("127.0.0.1:0"), Loopback: true}
	var made [2]*Transport
	for i := range made {
		var err error
		if made[i], err = New(config); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := made[i].Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return made[0], made[1]
}

// connect makes a link between two transports without Jingle.
func connect(t testing.TB, one, two *Transport) (first, second link.Link) {
	t.Helper()
	a, b := newEnds(), newEnds()
	sid := token(8)
	offer, err := one.Offer(a.params(sid, bob))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := two.Answer(b.params(sid, alice), offer.Local())
	if err != nil {
		t.Fatal(err)
	}
	if err := offer.Remote(answer.Local()); err != nil {
		t.Fatal(err)
	}
	return a.link(t), b.link(t)
}

func TestLinkContract(t *testing.T) {
	one, two := twoTransports(t)
	linktest.Run(t, func(t testing.TB, o linktest.Options) (link.Link, link.Link) {
		one.config.Link, two.config.Link = o.Config(), o.Config() // no session runs now
		return connect(t, one, two)
	})
}

// BenchmarkSmallMessages is the cost of one chat message over a link, both ends
// in one process.
func BenchmarkSmallMessages(b *testing.B) {
	one, two := twoTransports(b)
	from, to := connect(b, one, two)
	if err := from.Open(link.Header{Version: "1.0"}); err != nil {
		b.Fatal(err)
	}
	message := []byte(`<message type='chat' id='0123456789abcdef' to='bob@example.org/b'><body>A message of ordinary length, as people write them.</body><request xmlns='urn:xmpp:receipts'/></message>`)
	read := make(chan error, 1)
	b.SetBytes(int64(len(message)))
	b.ReportAllocs()
	b.ResetTimer()
	go func() {
		for n := -1; n < b.N; n++ { // the header first
			if _, err := to.Read(); err != nil {
				read <- err
				return
			}
		}
		read <- nil
	}()
	for range b.N {
		for from.Queued() > 512<<10 {
			// Let the reader catch up; the queue has a bound.
			select {
			case err := <-read:
				b.Fatal(err)
			default:
			}
		}
		if err := from.Send(message); err != nil {
			b.Fatal(err)
		}
	}
	if err := <-read; err != nil {
		b.Fatal(err)
	}
	from.Abort()
	to.Abort()
}

// BenchmarkIntroduction is the whole way from an offer to two links.
func BenchmarkIntroduction(b *testing.B) {
	one, two := twoTransports(b)
	b.ReportAllocs()
	for b.Loop() {
		first, second := connect(b, one, two)
		first.Abort()
		second.Abort()
	}
}
