package datachannel

import (
	"crypto/rand"
	"log/slog"
	"net/netip"
	"os"
	"testing"
	"time"

	"godwit/jid"
	"godwit/link"
	"godwit/peer"
	"godwit/xep/datachannel"
	"godwit/xmlstream"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// limit ends a test that hangs, without being a measure of anything.
const limit = 30 * time.Second

var (
	alice = jid.MustParse("alice@example.org/a")
	bob   = jid.MustParse("bob@example.org/b")
)

func testLogger() *slog.Logger {
	if os.Getenv("GODWIT_TEST_LOG") == "" {
		return nil
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// ends are what one half of a directly driven session reports.
type ends struct {
	links  chan link.Link
	paths  chan peer.Path
	failed chan error
	later  chan xmlstream.Node
	moved  chan peer.Path
}

func newEnds() *ends {
	return &ends{make(chan link.Link, 1), make(chan peer.Path, 1), make(chan error, 1), make(chan xmlstream.Node, 32), make(chan peer.Path, 32)}
}

func (e *ends) params(sid string, to jid.JID, addresses peer.Addresses) peer.Params {
	return peer.Params{SID: sid, Peer: to, Addresses: addresses, Events: peer.Events{
		Candidates: func(n xmlstream.Node) { e.later <- n },
		Connected:  func(l link.Link, p peer.Path) { e.paths <- p; e.links <- l },
		Moved:      func(_ link.Link, p peer.Path) { e.moved <- p },
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
	case <-time.After(limit):
		t.Fatal("no link")
	}
	return nil
}

func (e *ends) failure(t testing.TB) error {
	t.Helper()
	select {
	case err := <-e.failed:
		return err
	case <-e.links:
		t.Fatal("there is a link")
	case <-time.After(limit):
		t.Fatal("nothing happened")
	}
	return nil
}

var onLoopback = Config{Address: netip.MustParseAddrPort("127.0.0.1:0"), Loopback: true, Logger: testLogger()}

func newTransport(t testing.TB, config Config) *Transport {
	t.Helper()
	made, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := made.Close(); err != nil {
			t.Error(err)
		}
	})
	return made
}

// meet makes a session between two transports without Jingle. Change, if not nil,
// is what somebody does to the offer on its way.
func meet(t testing.TB, one, two peer.Transport, change func(datachannel.Transport) datachannel.Transport) (a, b *ends) {
	t.Helper()
	a, b = newEnds(), newEnds()
	sid := rand.Text()
	offer, err := one.Offer(a.params(sid, bob, peer.AllAddresses))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(offer.Close)
	local := offer.Local()
	if change != nil {
		parsed, err := datachannel.ParseFull(local)
		if err != nil {
			t.Fatal(err)
		}
		local = change(parsed).Node()
	}
	answer, err := two.Answer(b.params(sid, alice, peer.AllAddresses), local)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(answer.Close)
	if err := offer.Remote(answer.Local()); err != nil {
		t.Fatal(err)
	}
	return a, b
}

// connect makes a link between two transports.
func connect(t testing.TB, one, two peer.Transport) (first, second link.Link) {
	t.Helper()
	a, b := meet(t, one, two, nil)
	return a.link(t), b.link(t)
}
