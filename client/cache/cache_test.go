package cache

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
)

// Characters that are the same but for case are searched as one.
func TestFold(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if r >= 0xd800 && r < 0xe000 {
			continue
		}
		want := Fold(string(r))
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			if got := Fold(string(f)); got != want {
				t.Fatalf("%q and %q become %q and %q", r, f, want, got)
			}
		}
		if again := Fold(want); again != want {
			t.Fatalf("%q becomes %q and then %q", r, want, again)
		}
	}
	if got := Fold("Ｇｏｄｗｉｔ　ÄÖ 你好"); got != "godwit äö 你好" {
		t.Errorf("folded to %q", got)
	}
}

func FuzzGrams(f *testing.F) {
	f.Add("今天天气", "天气")
	f.Add("Hello World", "lo wo")
	f.Add("a\xffb", "\xff")
	f.Fuzz(func(t *testing.T, text, word string) {
		text, word = Fold(text), Fold(word)
		grams := Grams(text)
		if !strings.Contains(text, word) {
			return
		}
		for _, g := range Grams(word) {
			if !slices.Contains(grams, g) {
				t.Errorf("%q holds %q, and its grams %q lack %q", text, word, grams, g)
			}
		}
	})
}

func FuzzParseCursor(f *testing.F) {
	for _, s := range []string{"", "1.2", "-zz.9", "x", "1.2.3", "."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := ParseCursor(s)
		if err != nil {
			return
		}
		again, err := ParseCursor(c.String())
		if err != nil || !again.Time.Equal(c.Time) || again.ID != c.ID && !c.IsZero() {
			t.Errorf("%q is %+v, written as %q and read as %+v, %v", s, c, c.String(), again, err)
		}
	})
}

func TestCursor(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678_000, time.UTC)
	for _, c := range []Cursor{{}, {at, 1}, {at, 1 << 50}, {time.UnixMicro(-5).UTC(), 7}} {
		if got, err := ParseCursor(c.String()); err != nil || got != c {
			t.Errorf("%+v is written as %q and read as %+v, %v", c, c.String(), got, err)
		}
	}
	if !(Cursor{at, 1}).Before(Cursor{at, 2}) || (Cursor{at, 2}).Before(Cursor{at, 2}) || !(Cursor{at, 2}).Before(Cursor{at.Add(1), 1}) {
		t.Error("the order of places")
	}
}
