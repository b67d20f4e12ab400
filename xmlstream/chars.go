package xmlstream

import (
	"unicode"
	"unicode/utf8"
)

// Classes of a byte; a set bit takes the byte off the fast path it names.
const (
	escText   uint8 = 1 << iota // must be escaped or replaced in canonical text, or is not ASCII
	escValue                    // the same in a canonical attribute value
	stopText                    // a raw text run in the input cannot run over it
	stopValue                   // the same for an attribute value
	nameStart                   // ASCII that may begin an NCName
	nameChar                    // ASCII that may follow in an NCName
	space                       // XML white space
)

var class = func() (t [256]uint8) {
	for c := range 256 {
		switch {
		case c < 0x20, c >= 0x80:
			t[c] |= escText | escValue | stopText | stopValue
		}
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_':
			t[c] |= nameStart | nameChar
		case c >= '0' && c <= '9', c == '-', c == '.':
			t[c] |= nameChar
		}
	}
	for _, c := range "\t\n" {
		t[c] &^= escText | stopText
	}
	for _, c := range " \t\n\r" {
		t[c] |= space
	}
	for _, c := range "&<>" {
		t[c] |= escText | escValue | stopText | stopValue
	}
	t[']'] |= stopText
	t['\''] |= escValue | stopValue
	t['"'] |= stopValue
	return t
}()

// validChar is production Char of XML 1.0 §2.2 for a rune decoded from valid UTF-8.
func validChar(r rune) bool {
	switch {
	case r < 0x20:
		return r == '\t' || r == '\n' || r == '\r'
	case r <= 0xD7FF:
		return true
	case r < 0xE000:
		return false
	case r <= 0xFFFD:
		return true
	}
	return r >= 0x10000 && r <= unicode.MaxRune
}

// ValidText reports whether XML can express s: valid UTF-8 without control and non-characters (XML 1.0 §2.2).
func ValidText(s string) bool {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c < 0x20 && class[c]&space == 0 {
				return false
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if n == 1 || !validChar(r) {
			return false
		}
		i += n
	}
	return true
}

// validNCName reports whether s is a name without colon (Namespaces in XML 1.0 §3) of the kind the Reader accepts.
func validNCName(s string) bool {
	if s == "" {
		return false
	}
	want := nameStart
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if class[c]&want == 0 {
				return false
			}
			i++
		} else {
			r, n := utf8.DecodeRuneInString(s[i:])
			if n == 1 || !nameRune(r, want) {
				return false
			}
			i += n
		}
		want = nameChar
	}
	return true
}

// appendEscaped appends s as canonical text (escText) or value (escValue). What XML cannot express becomes U+FFFD and
// makes ok false.
func appendEscaped(dst []byte, s string, mask uint8) (_ []byte, ok bool) {
	ok = true
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if class[c]&mask == 0 {
			i++
			continue
		}
		n, esc := 1, ""
		if c >= utf8.RuneSelf {
			var r rune
			r, n = utf8.DecodeRuneInString(s[i:])
			if n > 1 && validChar(r) {
				i += n
				continue
			}
		} else {
			esc = escapeOf(c)
		}
		if esc == "" {
			esc, ok = "\uFFFD", false
		}
		dst = append(dst, s[start:i]...)
		dst = append(dst, esc...)
		i += n
		start = i
	}
	return append(dst, s[start:]...), ok
}

func escapeOf(c byte) string {
	switch c {
	case '&':
		return "&amp;"
	case '<':
		return "&lt;"
	case '>':
		return "&gt;"
	case '\'':
		return "&apos;"
	case '\t':
		return "&#x9;"
	case '\n':
		return "&#xA;"
	case '\r':
		return "&#xD;"
	}
	return ""
}
