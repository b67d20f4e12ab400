package jid

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// anyText draws text that mixes plain letters, the separators and all of Unicode, so that both paths are met.
func anyText() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`[a-zA-Z0-9._\-]{1,12}`),
		rapid.StringMatching(`[a-zß-ÿα-ω]{1,8}(@[a-zü.]{1,8})?(/[ -~]{1,8})?`),
		rapid.StringOfN(rapid.RuneFrom([]rune("aA@/.-[]: ßİıſΣςéx·\u0301\u00a0ａ＠。אا\u200d♚𝐚")), 1, 12, -1),
		rapid.StringN(1, 16, -1),
	)
}

// checkParsed holds what must be true of every address that was accepted.
func checkParsed(t interface{ Fatalf(string, ...any) }, in string, j JID) {
	again, err := Parse(j.String())
	if err != nil || again != j {
		t.Fatalf("%q: normal form %q parses to %#v, %v", in, j, again, err)
	}
	slow, err := parseSlow(in)
	if err != nil || slow != j {
		t.Fatalf("%q: the two paths differ: %#v, %#v (%v)", in, j, slow, err)
	}
	built, err := New(j.Local(), j.Domain(), j.Resource())
	if err != nil || built != j {
		t.Fatalf("%q: New of the parts is %#v, %v", in, built, err)
	}
	if len(j.Local()) > maxPart || len(j.Domain()) > maxPart || len(j.Resource()) > maxPart || j.Domain() == "" {
		t.Fatalf("%q: parts out of bounds", in)
	}
	if strings.ContainsAny(j.Local(), localExcluded+" ") || strings.ContainsAny(j.Domain(), "@/ ") || !utf8.ValidString(j.String()) {
		t.Fatalf("%q: forbidden characters in %q", in, j)
	}
	if j.Bare().IsFull() || !j.DomainJID().IsDomain() || j.IsZero() {
		t.Fatalf("%q: shapes of %q are wrong", in, j)
	}
	full, err := j.Bare().WithResource(j.Resource())
	if err != nil || full != j {
		t.Fatalf("%q: taking the resource off and on gives %#v, %v", in, full, err)
	}
}

func TestPreparingTwiceChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := anyText().Draw(t, "address")
		j, err := Parse(in)
		if err != nil {
			if !j.IsZero() {
				t.Fatalf("an address beside an error")
			}
			if _, err := parseSlow(in); err == nil {
				t.Fatalf("the fast path refused what the slow path accepts")
			}
			return
		}
		checkParsed(t, in, j)
	})
}

func TestPartsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		j, err := New(anyText().Draw(t, "local"), anyText().Draw(t, "domain"), anyText().Draw(t, "resource"))
		if err == nil {
			checkParsed(t, j.String(), j)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"juliet@example.com/balcony", "JULIET@EXAMPLE.com", "[::1]/x", "a@bücher.example", "a@xn--bcher-kva", "Σς@b/ſ",
		"a@b/", "@", "/", "a@b@c", "ａ＠b@c", "a@col·la", "a@b/\u00a0", "İ@İ", "\xff@b", "a@b..", "א@א.example",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		j, err := ParseBytes(in)
		if err == nil {
			checkParsed(t, string(in), j)
		}
		if same, err2 := Parse(string(in)); same != j || (err == nil) != (err2 == nil) {
			t.Fatalf("Parse and ParseBytes disagree: %v, %v", err, err2)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for _, bc := range []struct{ name, in string }{
		{"ascii", "juliet@example.com/balcony"},
		{"capitals", "Juliet@example.com/balcony"},
		{"unicode", "jülïet@bücher.example/balcón"},
	} {
		b.Run(bc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = Parse(bc.in)
			}
		})
	}
}

func BenchmarkParseBytes(b *testing.B) {
	in := []byte("juliet@example.com/balcony")
	b.ReportAllocs()
	for b.Loop() {
		_, _ = ParseBytes(in)
	}
}
