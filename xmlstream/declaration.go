package xmlstream

import (
	"bytes"
	"strings"
)

// maxDeclaration bounds the XML declaration, in bytes.
const maxDeclaration = 256

// declaration reads the XML declaration at pos, where the document begins with "<?" (XML 1.0 §2.8, RFC 6120 §11.5).
func (r *Reader) declaration() error {
	r.mark = r.pos
	t := r.sc.buf[r.mark:r.vis]
	const open = "<?xml"
	for i := 2; ; i++ {
		var err error
		for i >= len(t) {
			if t, err = r.moreTag(); err != nil {
				return err
			}
		}
		switch {
		case i < len(open):
			if t[i] != open[i] {
				return restricted("processing instruction")
			}
		case i == len(open):
			if class[t[i]]&space == 0 {
				return restricted("processing instruction")
			}
		case i >= maxDeclaration:
			return malformed("XML declaration too long")
		case t[i] == '>':
			if t[i-1] != '?' {
				return malformed("bad XML declaration")
			}
			r.pos = r.mark + i + 1
			return checkDeclaration(t[len(open) : i-1])
		}
	}
}

// checkDeclaration checks what stands between "<?xml" and "?>".
func checkDeclaration(b []byte) error {
	version, b, ok := pseudoAttr(b, "version")
	if !ok {
		return malformed("bad XML declaration")
	}
	if version != "1.0" {
		return malformed("XML version other than 1.0")
	}
	if encoding, rest, ok := pseudoAttr(b, "encoding"); ok {
		if !strings.EqualFold(encoding, "UTF-8") {
			return &Error{UnsupportedEncoding, "encoding other than UTF-8"}
		}
		b = rest
	}
	if standalone, rest, ok := pseudoAttr(b, "standalone"); ok {
		if standalone != "yes" && standalone != "no" {
			return malformed("bad XML declaration")
		}
		b = rest
	}
	if len(bytes.Trim(b, " \t\r\n")) > 0 {
		return malformed("bad XML declaration")
	}
	return nil
}

// pseudoAttr reads white space, name = 'value'.
func pseudoAttr(b []byte, name string) (value string, rest []byte, ok bool) {
	trimmed := bytes.TrimLeft(b, " \t\r\n")
	if len(trimmed) == len(b) || !bytes.HasPrefix(trimmed, []byte(name)) {
		return "", b, false
	}
	v := bytes.TrimLeft(trimmed[len(name):], " \t\r\n")
	if len(v) == 0 || v[0] != '=' {
		return "", b, false
	}
	v = bytes.TrimLeft(v[1:], " \t\r\n")
	if len(v) < 2 || v[0] != '\'' && v[0] != '"' {
		return "", b, false
	}
	end := bytes.IndexByte(v[1:], v[0])
	if end < 0 {
		return "", b, false
	}
	return string(v[1 : 1+end]), v[2+end:], true
}
