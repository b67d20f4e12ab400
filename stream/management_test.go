package stream_test

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"godwit/stream"
)

// The state machine against a plain model: two lists and 64-bit counts, begun
// near the wrap of the wire's 32 bits.
func TestManagementAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := rapid.SampledFrom([]uint64{0, math.MaxUint32 - 3, 1<<33 - 2}).Draw(t, "start")
		m := stream.ManagementAt(start)
		acked, sent := start, start
		received, handledTo := start, start
		done := map[uint64]bool{}
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				sent++
				if err := m.Push(stream.Sent{Stanza: message(""), Tag: sent}); err != nil {
					t.Fatal(err)
				}
			},
			"ack": func(t *rapid.T) {
				to := acked + rapid.Uint64Range(0, sent-acked).Draw(t, "how many")
				got, err := m.Ack(uint32(to), nil)
				if err != nil || len(got) != int(to-acked) {
					t.Fatalf("%d released, %v", len(got), err)
				}
				for i, g := range got {
					if g.Tag != acked+uint64(i)+1 {
						t.Fatalf("released %d at %d", g.Tag, i)
					}
				}
				acked = to
			},
			"ack too much": func(t *rapid.T) {
				to := sent + rapid.Uint64Range(1, math.MaxUint32-(sent-acked)).Draw(t, "beyond")
				var e *stream.Error
				if _, err := m.Ack(uint32(to), nil); !errors.As(err, &e) || e.App.Name.Local != "handled-count-too-high" {
					t.Fatalf("acknowledging %d beyond what was sent: %v", to-sent, err)
				}
			},
			"receive": func(t *rapid.T) {
				received++
				if m.Receive() != received {
					t.Fatal("numbers are not in a row")
				}
			},
			"handle": func(t *rapid.T) {
				// Some numbers are unknown: too old or too new.
				n := rapid.Uint64Range(max(handledTo, 2)-2, received+2).Draw(t, "which")
				m.Handled(n)
				if n > handledTo && n <= received {
					done[n] = true
				}
				for done[handledTo+1] {
					handledTo++
					delete(done, handledTo)
				}
			},
			"": func(t *rapid.T) {
				if m.H() != uint32(handledTo) || m.InFlight() != int(received-handledTo) {
					t.Fatalf("h is %d, %d in flight; want %d, %d", m.H(), m.InFlight(), uint32(handledTo), received-handledTo)
				}
				if m.Len() != int(sent-acked) || m.SentCount() != uint32(sent) || (m.Bytes() == 0) != (m.Len() == 0) {
					t.Fatalf("%d unacknowledged weighing %d, want %d", m.Len(), m.Bytes(), sent-acked)
				}
				for i, u := range m.Unacked(nil) {
					if u.Tag != acked+uint64(i)+1 {
						t.Fatalf("unacknowledged %d at %d", u.Tag, i)
					}
				}
			},
		})
	})
}

func TestManagementIsBounded(t *testing.T) {
	m := stream.NewManagement(4000)
	n := 0
	for ; m.Push(stream.Sent{Stanza: message("x")}) == nil; n++ {
		if n > 100 {
			t.Fatal("no bound")
		}
	}
	if m.Bytes() > 4000 || n < 2 {
		t.Errorf("%d stanzas of %d bytes", n, m.Bytes())
	}
	if err := m.Push(stream.Sent{Stanza: message("x")}); !errors.Is(err, stream.ErrTooManyUnacked) {
		t.Error(err)
	}
	if _, err := m.Ack(uint32(n), nil); err != nil || m.Bytes() != 0 {
		t.Errorf("%v, %d bytes left", err, m.Bytes())
	}
	big := stream.NewManagement(10)
	if err := big.Push(stream.Sent{Stanza: message("larger than the bound, but alone")}); err != nil {
		t.Error(err)
	}
}

func TestResumeIDsAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for range 10000 {
		id := stream.NewResumeID()
		if seen[id] || len(id) < 22 { // 128 bits in base64
			t.Fatal(id)
		}
		seen[id] = true
	}
}

func BenchmarkManagement(b *testing.B) {
	m := stream.NewManagement(0)
	msg := message("x")
	var acked []stream.Sent
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m.Push(stream.Sent{Stanza: msg})
		m.Handled(m.Receive())
		if i%16 == 15 {
			acked, _ = m.Ack(m.SentCount(), acked[:0])
		}
	}
}

func ExampleManagement() {
	m := stream.NewManagement(0)
	a, b := m.Receive(), m.Receive()
	m.Handled(b)
	fmt.Println("second one durable:", m.H())
	m.Handled(a)
	fmt.Println("first one too:", m.H())
	// Output:
	// second one durable: 0
	// first one too: 2
}
