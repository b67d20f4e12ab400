package jid

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestParseValid(t *testing.T) {
	a63 := strings.Repeat("a", 63)
	longDomain := strings.Repeat(a63+".", 15) + a63 // 1023 bytes
	for _, tc := range []struct{ why, in, local, domain, resource string }{
		{"RFC 7622 example 1", "juliet@example.com", "juliet", "example.com", ""},
		{"RFC 7622 example 2", "juliet@example.com/foo", "juliet", "example.com", "foo"},
		{"RFC 7622 example 3: space inside a resource", "juliet@example.com/foo bar", "juliet", "example.com", "foo bar"},
		{"RFC 7622 example 4: '@' in a resource", "juliet@example.com/foo@bar", "juliet", "example.com", "foo@bar"},
		{"RFC 7622 example 5: escaped space is plain text here", `foo\20bar@example.com`, `foo\20bar`, "example.com", ""},
		{"RFC 7622 example 6", "fussball@example.com", "fussball", "example.com", ""},
		{"RFC 7622 example 7: sharp s is itself", "fußball@example.com", "fußball", "example.com", ""},
		{"RFC 7622 example 8", "π@example.com", "π", "example.com", ""},
		{"RFC 7622 example 9: capital sigma maps to small", "Σ@example.com/foo", "σ", "example.com", "foo"},
		{"RFC 7622 example 10", "σ@example.com/foo", "σ", "example.com", "foo"},
		{"RFC 7622 example 11: final sigma stays itself", "ς@example.com/foo", "ς", "example.com", "foo"},
		{"RFC 7622 example 12: symbols are fine in a resource", "king@example.com/♚", "king", "example.com", "♚"},
		{"RFC 7622 example 13", "example.com", "", "example.com", ""},
		{"RFC 7622 example 14", "example.com/foobar", "", "example.com", "foobar"},
		{"RFC 7622 example 15: first '/' ends the bare part", "a.example.com/b@example.net", "", "a.example.com", "b@example.net"},
		{"erratum 4560: leading space in a resource", "juliet@example.com/ foo", "juliet", "example.com", " foo"},
		{"further slashes belong to the resource", "a@b//@//", "a", "b", "/@//"},
		{"capitals fold in local part and domain, not in the resource", "JULIET@Example.COM/Foo", "juliet", "example.com", "Foo"},
		{"one trailing dot goes", "a@example.com.", "a", "example.com", ""},
		{"IPv4", "a@127.0.0.1/x", "a", "127.0.0.1", "x"},
		{"IPv6", "[::1]", "", "[::1]", ""},
		{"IPv6 has one spelling", "a@[2001:DB8:0:0::01]/r", "a", "[2001:db8::1]", "r"},
		{"U-label", "a@bücher.example", "a", "bücher.example", ""},
		{"A-label becomes a U-label", "a@XN--bcher-kva.example", "a", "bücher.example", ""},
		{"sharp s in a domain is IDNA2008's, not ss", "a@straße.example", "a", "straße.example", ""},
		{"wide letters map in the domain", "a@ｅｘａｍｐｌｅ．ｃｏｍ", "a", "example.com", ""},
		{"ideographic full stop separates labels", "a@例え。テスト", "a", "例え.テスト", ""},
		{"wide letters map in the local part", "ｊuliet@example.com", "juliet", "example.com", ""},
		{"decomposed text composes", "e\u0301@example.com/e\u0301", "é", "example.com", "é"},
		{"strange spaces in a resource become a space", "a@b/x\u00a0y", "a", "b", "x y"},
		{"middle dot between two l (RFC 5892 A.3)", "col·la@col·la.example", "col·la", "col·la.example", ""},
		{"right-to-left local part", "שלום@example.com", "שלום", "example.com", ""},
		{"local part of 1023 bytes", strings.Repeat("a", 1023) + "@b", strings.Repeat("a", 1023), "b", ""},
		{"domain of 1023 bytes", longDomain, "", longDomain, ""},
		{"resource of 1023 bytes", "a@b/" + strings.Repeat("r", 1023), "a", "b", strings.Repeat("r", 1023)},
		{"3069 bytes that shrink to 1023", strings.Repeat("ａ", 1023) + "@b", strings.Repeat("a", 1023), "b", ""},
	} {
		for name, parse := range map[string]func() (JID, error){
			"Parse":      func() (JID, error) { return Parse(tc.in) },
			"ParseBytes": func() (JID, error) { return ParseBytes([]byte(tc.in)) },
		} {
			j, err := parse()
			if err != nil {
				t.Errorf("%s: %s(%q): %v", tc.why, name, tc.in, err)
				continue
			}
			if j.Local() != tc.local || j.Domain() != tc.domain || j.Resource() != tc.resource {
				t.Errorf("%s: %s(%q) = %q %q %q", tc.why, name, tc.in, j.Local(), j.Domain(), j.Resource())
			}
			if n, err := New(tc.local, tc.domain, tc.resource); err != nil || n != j {
				t.Errorf("%s: New = %#v, %v; want %#v", tc.why, n, err, j)
			}
		}
	}
}

func TestParseInvalid(t *testing.T) {
	a63 := strings.Repeat("a", 63)
	for _, tc := range []struct {
		why, in string
		part    Part
	}{
		{"nothing", "", PartAddress},
		{"quotation marks", `"juliet"@example.com`, PartLocal},
		{"space in a local part", "foo bar@example.com", PartLocal},
		{"ampersand", "a&b@example.com", PartLocal},
		{"colon", "a:b@example.com", PartLocal},
		{"angle bracket", "<a>@example.com", PartLocal},
		{"empty local part and resource", "@example.com/", PartResource},
		{"empty local part", "@example.com", PartLocal},
		{"empty resource", "example.com/", PartResource},
		{"compatibility character", "henryⅣ@example.com", PartLocal},
		{"symbol in a local part", "♚@example.com", PartLocal},
		{"no domain", "juliet@", PartDomain},
		{"only a resource", "/foobar", PartDomain},
		{"second '@'", "a@b@c", PartDomain},
		{"wide '@' maps to '@' and is still excluded", "a＠b@c", PartLocal},
		{"wide '@' in the domain", "a@b＠c", PartDomain},
		{"wide '/' in the domain", "a@b／c", PartDomain},
		{"empty label", "a@b..c", PartDomain},
		{"only a dot", "a@.", PartDomain},
		{"two trailing dots", "a@b..", PartDomain},
		{"leading hyphen", "a@-b", PartDomain},
		{"trailing hyphen", "a@b-.c", PartDomain},
		{"reserved label that is no A-label", "a@ab--c", PartDomain},
		{"A-label that does not decode", "a@xn--a", PartDomain},
		{"A-label of ASCII", "a@xn--abc-.example", PartDomain},
		{"underscore", "a@b_c", PartDomain},
		{"space in a domain", "a@b c", PartDomain},
		{"label of 64", "a@" + a63 + "a", PartDomain},
		{"U-label longer than 63 in DNS", "a@" + strings.Repeat("ü", 60), PartDomain},
		{"symbol in a domain", "a@♥.example", PartDomain},
		{"middle dot out of place (RFC 5892 A.3)", "a@co·lla.example", PartDomain},
		{"mixed direction in a label", "a@אa.example", PartDomain},
		{"IPv6 unclosed", "a@[::1", PartDomain},
		{"IPv6 zone", "a@[fe80::1%eth0]", PartDomain},
		{"IPv4 in brackets", "a@[127.0.0.1]", PartDomain},
		{"text after the bracket", "a@[::1]x", PartDomain},
		{"control character in a resource", "a@b/\x07", PartResource},
		{"line break in a resource", "a@b/x\ny", PartResource},
		{"NUL", "a\x00@b", PartLocal},
		{"bad UTF-8", "a@b/\xff", PartResource},
		{"local part of 1024", strings.Repeat("a", 1024) + "@b", PartLocal},
		{"domain of 1025", strings.Repeat(a63+".", 15) + a63 + ".a", PartDomain},
		{"resource of 1024", "a@b/" + strings.Repeat("r", 1024), PartResource},
		{"absurd length", strings.Repeat("a", 1<<20), PartAddress},
	} {
		for name, parse := range map[string]func() (JID, error){
			"Parse":      func() (JID, error) { return Parse(tc.in) },
			"ParseBytes": func() (JID, error) { return ParseBytes([]byte(tc.in)) },
		} {
			j, err := parse()
			var e *Error
			if !errors.As(err, &e) || e.Part != tc.part || !j.IsZero() {
				t.Errorf("%s: %s = %v, %v; want an error about the %s", tc.why, name, j, err, tc.part)
			}
		}
	}
}

func TestShape(t *testing.T) {
	for _, tc := range []struct {
		in                       string
		zero, bare, full, domain bool
	}{
		{"", true, false, false, false},
		{"b", false, true, false, true},
		{"b/r", false, false, true, false},
		{"a@b", false, true, false, false},
		{"a@b/r", false, false, true, false},
	} {
		var j JID
		if tc.in != "" {
			j = MustParse(tc.in)
		}
		if j.IsZero() != tc.zero || j.IsBare() != tc.bare || j.IsFull() != tc.full || j.IsDomain() != tc.domain {
			t.Errorf("%q: zero %v bare %v full %v domain %v", tc.in, j.IsZero(), j.IsBare(), j.IsFull(), j.IsDomain())
		}
	}
}

func TestDerived(t *testing.T) {
	j := MustParse("a@b/r")
	if j.Bare() != MustParse("a@b") || j.Bare().Bare() != j.Bare() {
		t.Errorf("Bare = %#v", j.Bare())
	}
	if j.DomainJID() != MustParse("b") || MustParse("b/r").DomainJID() != MustParse("b") {
		t.Errorf("DomainJID = %#v", j.DomainJID())
	}
	if w, err := j.WithResource("e\u0301"); err != nil || w != MustParse("a@b/é") {
		t.Errorf("WithResource = %#v, %v", w, err)
	}
	if w, err := j.WithResource(""); err != nil || w != j.Bare() {
		t.Errorf("WithResource(\"\") = %#v, %v", w, err)
	}
	if _, err := j.WithResource("\x00"); err == nil {
		t.Error("WithResource accepts a control character")
	}
	if _, err := (JID{}).WithResource("r"); err == nil {
		t.Error("the zero value takes a resource")
	}
	var zero JID
	if zero.Bare() != zero || zero.DomainJID() != zero || zero.String() != "" || zero.Domain() != "" || zero.Resource() != "" {
		t.Error("the zero value does not stay zero")
	}
	if seen := map[JID]bool{MustParse("A@B"): true}; !seen[MustParse("a@b")] {
		t.Error("equal addresses are different map keys")
	}
}

func TestText(t *testing.T) {
	type record struct{ To, From JID }
	data, err := json.Marshal(record{To: MustParse("A@b/r")})
	if err != nil || string(data) != `{"To":"a@b/r","From":""}` {
		t.Fatalf("marshal: %s, %v", data, err)
	}
	var back record
	if err := json.Unmarshal(data, &back); err != nil || back.To != MustParse("a@b/r") || !back.From.IsZero() {
		t.Fatalf("unmarshal: %#v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`{"To":"@"}`), &back); err == nil {
		t.Fatal("unmarshal accepts a malformed address")
	}
}

func TestMustParsePanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("MustParse did not panic")
		}
	}()
	MustParse("@")
}

func TestAllocations(t *testing.T) {
	text := "juliet@example.com/balcony"
	raw := []byte(text)
	j := MustParse(text)
	for _, tc := range []struct {
		what string
		max  float64
		do   func()
	}{
		{"Parse of a normal address", 0, func() { _, _ = Parse(text) }},
		{"ParseBytes of a normal address", 1, func() { _, _ = ParseBytes(raw) }},
		{"taking it apart", 0, func() { _, _, _, _ = j.Local(), j.Domain(), j.Resource(), j.Bare() }},
	} {
		if got := testing.AllocsPerRun(100, tc.do); got > tc.max {
			t.Errorf("%s allocates %v times, want at most %v", tc.what, got, tc.max)
		}
	}
}
