package xmlstream

import (
	"strconv"
	"unsafe"
)

// writeTag writes the start tag t in canonical form, but for the '>' of one that has content.
func (sc *scratch) writeTag(t []byte, f *frame, same, empty bool) {
	out := append(sc.out, '<')
	out = append(out, sc.name.local.of(t)...)
	if !same {
		out = append(out, " xmlns='"...)
		out = appendValueBytes(out, f.ns.of(sc.ns), f.ns.plain)
		out = append(out, '\'')
	}
	if len(sc.attr) > 0 {
		out = sc.appendAttrs(out, t)
	}
	if empty {
		out = append(out, '/', '>')
	}
	sc.out = out
}

// appendAttrs writes the attributes of the tag t, without declarations, in canonical form.
func (sc *scratch) appendAttrs(out, t []byte) []byte {
	for i := range sc.attr {
		a := &sc.attr[i]
		if a.form&declares != 0 {
			continue
		}
		if a.form == verbatim {
			out = append(out, ' ')
			out = append(out, t[a.name.local.off:a.value.off+a.value.n+1]...)
			continue
		}
		switch {
		case a.name.prefix.n == 0:
			out = append(out, ' ')
		case a.ns.off == isXML:
			out = append(out, " xml:"...)
		default:
			out = sc.appendPrefix(out, a.ns)
		}
		out = append(out, a.name.local.of(t)...)
		out = append(out, '=', '\'')
		out = appendValueBytes(out, sc.value(a, t), a.form&quoting == 0)
		out = append(out, '\'')
	}
	return out
}

// appendPrefix writes the generated prefix of a namespace, declaring it at its first use on this tag.
func (sc *scratch) appendPrefix(out []byte, ns nsRef) []byte {
	n, first := sc.prefix(ns)
	if first {
		out = append(out, " xmlns:ns"...)
		out = strconv.AppendInt(out, int64(n), 10)
		out = append(out, '=', '\'')
		out = appendValueBytes(out, ns.of(sc.ns), ns.plain)
		out = append(out, '\'')
	}
	out = append(out, " ns"...)
	out = strconv.AppendInt(out, int64(n), 10)
	return append(out, ':')
}

// prefix gives the number of the generated prefix of a namespace on this tag.
func (sc *scratch) prefix(ns nsRef) (n int, first bool) {
	for i, u := range sc.used {
		if sc.sameNS(u, ns) {
			return i + 1, false
		}
	}
	sc.used = append(sc.used, ns)
	return len(sc.used), true
}

func appendValueBytes(out, v []byte, plain bool) []byte {
	if plain {
		return append(out, v...)
	}
	out, _ = appendEscaped(out, unsafe.String(unsafe.SliceData(v), len(v)), escValue)
	return out
}
