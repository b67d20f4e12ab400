package wire_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"godwit/stanza"
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

func TestErrorsNameTheirCondition(t *testing.T) {
	for _, row := range []struct {
		err  error
		want *stanza.Error
	}{
		{wire.Bad("x"), stanza.ErrBadRequest()},
		{wire.NotAcceptable("x"), stanza.ErrNotAcceptable()},
		{wire.NotImplemented("x"), stanza.ErrFeatureNotImplemented()},
	} {
		var se *stanza.Error
		if !errors.As(row.err, &se) || se.Condition != row.want.Condition || se.Type != row.want.Type || se.Text != "x" {
			t.Errorf("%v, want %v", row.err, row.want)
		}
	}
	if _, err := wire.Address("@"); !errors.Is(err, stanza.ErrJIDMalformed()) {
		t.Errorf("a bad address gives %v", err)
	}
}

func TestErrorsStaySmall(t *testing.T) {
	huge := strings.Repeat("é", 100_000)
	n := xmlstream.NewNode(huge, "a", xmlstream.A("h", huge))
	_, _, number := wire.Uint32(n, "h")
	_, flag := wire.Bool(n, "h")
	_, address := wire.Address(huge + "@@")
	for _, err := range []error{number, flag, address, wire.Expect(n, "x", "y"), wire.Unknown(n, "x")} {
		if err == nil || len(err.Error()) > 400 || !utf8.ValidString(err.Error()) {
			t.Errorf("%.500v", err)
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, row := range []struct {
		in       string
		uint     uint64
		ok       bool
		saturate uint64
		satOK    bool
	}{
		{"0", 0, true, 0, true},
		{"4294967295", math.MaxUint32, true, math.MaxUint32, true},
		{"4294967296", 0, false, math.MaxUint32, true},
		{"99999999999999999999999999", 0, false, math.MaxUint32, true},
		{" 7\n", 7, true, 7, true}, // xs:unsignedInt collapses whitespace
		{"007", 7, true, 7, true},
		{"-1", 0, false, 0, false}, {"+1", 0, false, 0, false}, {"", 0, false, 0, false}, {"1_000", 0, false, 0, false},
		{"0x1", 0, false, 0, false}, {"1.0", 0, false, 0, false}, {"٣", 0, false, 0, false}, {"1 2", 0, false, 0, false},
		{strings.Repeat("9", 1000), 0, false, 0, false},
	} {
		if got, ok := wire.Uint(row.in, math.MaxUint32); got != row.uint || ok != row.ok {
			t.Errorf("Uint(%.30q) = %d, %v", row.in, got, ok)
		}
		if got, ok := wire.Saturate(row.in, math.MaxUint32); got != row.saturate || ok != row.satOK {
			t.Errorf("Saturate(%.30q) = %d, %v", row.in, got, ok)
		}
	}
}

func TestBase64(t *testing.T) {
	for _, row := range []struct {
		in, want string
		ok       bool
		why      string
	}{
		{"", "", true, "nothing is no bytes"},
		{"aGk=", "hi", true, "padded"},
		{"aGk", "", false, "padding is required"},
		{"aGl=", "", false, "the bits that padding leaves over are zero"},
		{"aG\nk=", "", false, "the decoder below skips line breaks, the protocol does not"},
		{"aGk=\r\n", "", false, "nor at the end"},
		{" aGk=", "", false, "nor spaces"},
		{"aGk=aGk=", "", false, "padding ends it"},
		{"-_8=", "", false, "the other alphabet"},
	} {
		got, err := wire.Base64(row.in)
		if (err == nil) != row.ok || string(got) != row.want || err != nil && !errors.Is(err, wire.ErrEncoding) {
			t.Errorf("%q = %q, %v; %s", row.in, got, err, row.why)
		}
	}
}

func TestCut(t *testing.T) {
	for _, row := range []struct {
		in    string
		limit int
		want  string
	}{{"abc", 3, "abc"}, {"abc", 2, "ab"}, {"aé", 2, "a"}, {"é", 1, ""}, {"", 0, ""}, {"世界", 5, "世"}} {
		if got := wire.Cut(row.in, row.limit); got != row.want {
			t.Errorf("Cut(%q, %d) = %q", row.in, row.limit, got)
		}
	}
}

func TestOnly(t *testing.T) {
	child := xmlstream.NewNode("urn:a", "x")
	other := xmlstream.NewNode("urn:b", "x")
	for _, row := range []struct {
		why string
		n   xmlstream.Node
		ok  bool
	}{
		{"one", xmlstream.NewNode("", "p").With(other, child), true},
		{"none", xmlstream.NewNode("", "p").With(other), false},
		{"two", xmlstream.NewNode("", "p").With(child, child), false},
	} {
		if _, err := wire.Only(row.n, "urn:a"); (err == nil) != row.ok {
			t.Errorf("%s: %v", row.why, err)
		}
	}
}
