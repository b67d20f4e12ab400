package jid

// form is what classify found an address to be.
type form uint8

const (
	formNormal form = iota // ASCII, valid and already in normal form
	formUpper              // ASCII and valid; local part or domain hold capitals
	formOther              // anything else, valid or not
)

// Bits of asciiClass.
const (
	inLocal = 1 << iota
	inDomain
	inResource
	isUpper
)

// asciiClass says where a byte may stand. Local parts: the ASCII of the PRECIS IdentifierClass without the extra
// exclusions of RFC 7622 §3.3.1. Domains: letters, digits, hyphen (the dot is treated apart). Resources: the ASCII
// of the FreeformClass.
var asciiClass = func() (t [256]uint8) {
	for c := 0x20; c <= 0x7e; c++ {
		t[c] |= inResource
		if c != ' ' {
			t[c] |= inLocal
		}
	}
	for _, c := range []byte(localExcluded) {
		t[c] &^= inLocal
	}
	for c := '0'; c <= '9'; c++ {
		t[c] |= inDomain
	}
	for c := 'a'; c <= 'z'; c++ {
		t[c] |= inDomain
		t[c-'a'+'A'] |= inDomain | isUpper
	}
	t['-'] |= inDomain
	return t
}()

// classify splits an address that is plain ASCII and finds out whether it is normal as it stands. at is the length
// of the local part and end that of the bare part; both mean nothing for formOther.
func classify[T string | []byte](s T) (at, end int, f form) {
	at, end = -1, len(s)
	if len(s) > 3*maxPart+2 {
		return 0, 0, formOther
	}
	for i := 0; i < len(s); i++ {
		if s[i] == '/' {
			end = i
			break
		}
		if s[i] == '@' && at < 0 {
			at = i
		}
	}
	var seen uint8
	domain := 0
	if at >= 0 {
		if at == 0 || at > maxPart {
			return 0, 0, formOther
		}
		for i := 0; i < at; i++ {
			c := asciiClass[s[i]]
			if c&inLocal == 0 {
				return 0, 0, formOther
			}
			seen |= c
		}
		domain = at + 1
	}
	upper, ok := classifyDomain(s[domain:end])
	if !ok {
		return 0, 0, formOther
	}
	if end < len(s) {
		if n := len(s) - end - 1; n == 0 || n > maxPart {
			return 0, 0, formOther
		}
		for i := end + 1; i < len(s); i++ {
			if asciiClass[s[i]]&inResource == 0 {
				return 0, 0, formOther
			}
		}
	}
	if upper || seen&isUpper != 0 {
		f = formUpper
	}
	return max(at, 0), end, f
}

// classifyDomain reports whether d is a dotted sequence of plain labels, and whether it holds capitals.
func classifyDomain[T string | []byte](d T) (upper, ok bool) {
	if len(d) == 0 || len(d) > maxPart {
		return false, false
	}
	var seen uint8
	start := 0
	for i := 0; i <= len(d); i++ {
		if i < len(d) && d[i] != '.' {
			c := asciiClass[d[i]]
			if c&inDomain == 0 {
				return false, false
			}
			seen |= c
			continue
		}
		if !plainLabel(d[start:i]) {
			return false, false
		}
		start = i + 1
	}
	return seen&isUpper != 0, true
}

// plainLabel reports whether a label of letters, digits and hyphens is an NR-LDH label (RFC 5890 §2.3.2.2): not
// empty, at most 63 bytes, no hyphen at either end, none in both the third and fourth place (which A-labels have).
func plainLabel[T string | []byte](l T) bool {
	n := len(l)
	return n > 0 && n <= maxLabel && l[0] != '-' && l[n-1] != '-' && !(n >= 4 && l[2] == '-' && l[3] == '-')
}

// lowerBare turns b, which it owns, into text with its first end bytes in small letters.
func lowerBare(b []byte, end int) string {
	for i := range b[:end] {
		if asciiClass[b[i]]&isUpper != 0 {
			b[i] += 'a' - 'A'
		}
	}
	return string(b)
}
