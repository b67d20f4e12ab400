package codectest

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"godwit/jid"
	"godwit/stanza"
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// Encoding stands for [wire.ErrEncoding] in [Row.Err].
const Encoding = "incorrect-encoding"

// Codec is a payload that can be written.
type Codec interface{ Encode(*xmlstream.Encoder) }

// Row is one line of a table.
type Row[T Codec] struct {
	Why  string // what the row shows
	XML  string // what arrives
	Err  string // the condition it is answered with; empty when it is fine
	Want T      // what it means
	Out  string // what is written for Want; empty when that is XML itself
}

// Table runs rows in both directions: XML is read as Want, Want is written as
// Out, and Out is read as Want again.
func Table[T Codec](t *testing.T, parse func(xmlstream.Node) (T, error), rows ...Row[T]) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.Why, func(t *testing.T) {
			got, err := parse(Node(t, row.XML))
			if c := condition(err); c != row.Err {
				t.Fatalf("%s\nerror %v, want %q", wire.Cut(row.XML, 500), err, row.Err)
			}
			if row.Err != "" {
				return
			}
			equal(t, "read", row.Want, got)
			out := row.Out
			if out == "" {
				out = row.XML
			}
			if written := Write(t, row.Want); written != out {
				t.Fatalf("written\n%s, want\n%s", written, out)
			}
			again, err := parse(Node(t, out))
			if err != nil {
				t.Fatalf("what was written is refused: %v", err)
			}
			equal(t, "read again", row.Want, again)
		})
	}
}

func equal(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, Options...); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

// Options compare addresses and stanzas by what they say.
var Options = []cmp.Option{
	cmp.Comparer(func(a, b jid.JID) bool { return a == b }),
	cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b }),
	cmp.Comparer(func(a, b *stanza.Stanza) bool {
		if a == nil || b == nil {
			return a == b
		}
		return a.String() == b.String()
	}),
}

func condition(err error) string {
	var se *stanza.Error
	switch {
	case err == nil:
		return ""
	case errors.Is(err, wire.ErrEncoding):
		return Encoding
	case errors.As(err, &se):
		return se.Condition
	}
	return "an error that names no condition: " + err.Error()
}

// limits let a payload stand alone though it has more children than a stanza.
func limits() xmlstream.Limits {
	l := xmlstream.DefaultLimits()
	l.Children = 1 << 16
	return l
}

// Node parses one element into a tree.
func Node(t testing.TB, xml string) xmlstream.Node {
	t.Helper()
	el, err := xmlstream.ParseElement([]byte(xml), limits())
	if err != nil {
		t.Fatalf("%s\nis not an element: %v", wire.Cut(xml, 500), err)
	}
	n, err := el.Tree()
	if err != nil {
		t.Fatalf("%s\nhas no tree: %v", xml, err)
	}
	return n
}

// Message parses one message.
func Message(t testing.TB, xml string) *stanza.Stanza {
	t.Helper()
	el, err := xmlstream.ParseElement([]byte(xml), xmlstream.DefaultLimits())
	if err != nil {
		t.Fatalf("%s\nis not an element: %v", wire.Cut(xml, 500), err)
	}
	s, err := stanza.FromElement(&el)
	if err != nil {
		t.Fatalf("%s\nis not a stanza: %v", xml, err)
	}
	return s
}

// Write renders a payload outside any namespace.
func Write(t testing.TB, c Codec) string {
	t.Helper()
	e := xmlstream.NewEncoder(nil, "")
	c.Encode(e)
	if err := e.Err(); err != nil {
		t.Fatalf("%#v cannot be written: %v", c, err)
	}
	return string(e.Bytes())
}

// Parser is one parse function behind a common type.
type Parser func(xmlstream.Node) (Codec, error)

// Of makes a [Parser] of a parse function.
func Of[T Codec](parse func(xmlstream.Node) (T, error)) Parser {
	return func(n xmlstream.Node) (Codec, error) { return parse(n) }
}

// Walk feeds an element to every parser. Each must refuse it with an error
// that names a condition, or take it, and then what is written for it must be
// taken again and written the same way.
func Walk(t *testing.T, data []byte, parsers map[string]Parser) {
	el, err := xmlstream.ParseElement(data, xmlstream.DefaultLimits())
	if err != nil {
		return
	}
	n, err := el.Tree()
	if err != nil {
		t.Fatalf("element without a tree: %v", err)
	}
	for name, parse := range parsers {
		v, err := parse(n)
		if err != nil {
			var se *stanza.Error
			if !errors.As(err, &se) && !errors.Is(err, wire.ErrEncoding) {
				t.Fatalf("%s: %q: error without a condition: %v", name, data, err)
			}
			continue
		}
		first := Write(t, v)
		if first == "" {
			continue
		}
		again, err := parse(Node(t, first))
		if err != nil {
			t.Fatalf("%s: %q: what was written is refused: %s: %v", name, data, first, err)
		}
		if second := Write(t, again); second != first {
			t.Fatalf("%s: %q: written as\n%s, then as\n%s", name, data, first, second)
		}
	}
}
