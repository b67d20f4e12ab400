package account_test

import (
	"fmt"
	"testing"

	"godwit/server/account"
	"godwit/server/deliver"
	"godwit/stanza"
	"godwit/stream"
)

// sink is an outlet that renders what it gets, as a stream does, and forgets it.
type sink struct {
	outlet
	buf []byte
	n   int
}

func (s *sink) SendTagged(st *stanza.Stanza, _ uint64) error {
	s.buf = st.Append(s.buf[:0], "jabber:client")
	s.n++
	return nil
}

func (s *sink) Managed() bool { return false }

// inbound is the receiving half of a stream without acknowledgements.
type inbound struct{}

func (inbound) Handled(uint64) {}
func (inbound) Managed() bool  { return false }

func pair(b *testing.B) (*world, *deliver.Line, *sink) {
	w := newWorld(b, account.Limits{})
	w.account(b, "alice")
	w.account(b, "bob")
	var from, to sink
	alice := w.online(b, "alice@localhost/phone", &from, account.SessionOptions{})
	w.online(b, "bob@localhost/desk", &to, account.SessionOptions{})
	return w, deliver.NewLine(alice, inbound{}), &to
}

// BenchmarkRouteMessage is one message from the pipeline's beginning to the bytes for the recipient's link: nothing is stored, nothing is
// acknowledged, both are here.
func BenchmarkRouteMessage(b *testing.B) {
	for _, to := range []string{"bob@localhost", "bob@localhost/desk"} {
		b.Run(to, func(b *testing.B) {
			w, line, out := pair(b)
			ev := stream.Event{Kind: stream.StanzaEvent, Stanza: parse(b, `<message xmlns='jabber:client' to='`+to+`' type='chat' id='0123456789'>`+
				`<body>How are you today?</body><active xmlns='http://jabber.org/protocol/chatstates'/><origin-id xmlns='urn:xmpp:sid:0' id='0123456789'/></message>`)}
			before := out.n
			b.ReportAllocs()
			for b.Loop() {
				if bad := w.pipe.Handle(b.Context(), line, ev); bad != nil {
					b.Fatal(bad)
				}
			}
			if out.n-before != b.N {
				b.Fatalf("%d of %d arrived", out.n-before, b.N)
			}
		})
	}
}

// BenchmarkFanOut is one message to an account with so many resources.
func BenchmarkFanOut(b *testing.B) {
	for _, n := range []int{1, 20} {
		b.Run(fmt.Sprint(n, " resources"), func(b *testing.B) {
			w, line, _ := pair(b)
			for i := range n - 1 {
				w.online(b, fmt.Sprintf("bob@localhost/%d", i), &sink{}, account.SessionOptions{})
			}
			ev := stream.Event{Kind: stream.StanzaEvent, Stanza: parse(b, `<message xmlns='jabber:client' to='bob@localhost' type='chat'><body>x</body></message>`)}
			b.ReportAllocs()
			for b.Loop() {
				w.pipe.Handle(b.Context(), line, ev)
			}
		})
	}
}
