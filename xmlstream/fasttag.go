package xmlstream

import (
	"encoding/binary"
	"math/bits"
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// zeroBytes marks the high bit of each byte of x that is zero. Bytes above the lowest zero one may be marked falsely,
// which does not matter to who looks for the lowest.
func zeroBytes(x uint64) uint64 { return (x - ones) &^ x & highs }

// plainText counts the leading bytes of b that text can run over without a closer look: ASCII without '<', '>', '&', ']'
// and control characters. It looks at eight at once and may stop up to seven early at the end of b.
func plainText(b []byte) int {
	i := 0
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		stop := x&highs | (x-0x20*ones)&^x&highs | // not ASCII; control characters
			zeroBytes((x|0x02*ones)^'>'*ones) | // '<' and '>' differ in that bit
			zeroBytes(x^'&'*ones) | zeroBytes(x^']'*ones)
		if stop != 0 {
			return i + bits.TrailingZeros64(stop)/8
		}
	}
	return i
}

// plainValue is plainText for what an attribute value can run over: the quotes stop it, ']' does not.
func plainValue(b []byte) int {
	i := 0
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		stop := x&highs | (x-0x20*ones)&^x&highs |
			zeroBytes((x|0x02*ones)^'>'*ones) |
			zeroBytes((x|0x04*ones)^'&'*ones) | // '"' and '&' differ in that bit
			zeroBytes(x^'\''*ones)
		if stop != 0 {
			return i + bits.TrailingZeros64(stop)/8
		}
	}
	for ; i < len(b) && class[b[i]]&stopValue == 0; i++ {
	}
	return i
}

// fastTag does the work of scanTag for the tags ordinary traffic is made of: whole in the window t, ASCII, one space
// before each attribute, no prefixes, no references. For any other it gives 0, and scanTag starts over. It notes
// in scratch.clean whether the tag is already as canonical form has it, but for the question whether xmlns is needed.
func (sc *scratch) fastTag(t []byte, maxAttrs int) (n int, empty bool) {
	sc.attr, sc.clean = sc.attr[:0], true
	i := asciiName(t, 1)
	if i == 0 {
		return 0, false
	}
	sc.name = qname{local: span{1, int32(i - 1)}}
	for {
		switch {
		case t[i] == '>':
			return i + 1, false
		case t[i] == '/' && i+1 < len(t) && t[i+1] == '>':
			return i + 2, true
		case t[i] != ' ' || len(sc.attr) == maxAttrs:
			return 0, false
		}
		start := i + 1
		i = asciiName(t, start)
		if i == 0 || t[i] != '=' || i+1 == len(t) {
			return 0, false
		}
		quote := t[i+1]
		if quote != '\'' && quote != '"' {
			return 0, false
		}
		a := rawAttr{name: qname{local: span{int32(start), int32(i - start)}}}
		from := i + 2
		for i = from; ; i++ {
			i += plainValue(t[i:])
			if i+1 >= len(t) { // something must follow the quote, too
				return 0, false
			}
			if c := t[i]; c == quote {
				break
			} else if c == '\'' || c == '>' {
				a.form |= quoting
			} else if c != '"' {
				return 0, false
			}
		}
		a.value = span{int32(from), int32(i - from)}
		i++
		if a.form == 0 && quote == '\'' {
			a.form = verbatim
		} else {
			sc.clean = false
		}
		if a.name.local.n == 5 && string(t[start:start+5]) == "xmlns" {
			a.form |= declares
			sc.clean = sc.clean && len(sc.attr) == 0
		}
		sc.attr = append(sc.attr, a)
	}
}

// asciiName gives the end of the name beginning at t[i], or 0 if it has none or does not end in t. On success something
// follows it.
func asciiName(t []byte, i int) int {
	if i >= len(t) || class[t[i]]&nameStart == 0 {
		return 0
	}
	for i++; i < len(t); i++ {
		if class[t[i]]&nameChar == 0 {
			return i
		}
	}
	return 0
}
