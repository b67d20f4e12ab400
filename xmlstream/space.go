package xmlstream

import "strings"

// DropSpace drops white space that was read beyond the last token and returns the number of bytes left, as Buffered does. White space between
// stanzas means nothing (RFC 6120 §4.6.1), so a newline after an element that must come last does no harm.
func (r *Reader) DropSpace() int {
	if r.sc == nil || r.state != inStream {
		return r.Buffered()
	}
	for r.pos < r.got && strings.IndexByte(" \t\r\n", r.sc.buf[r.pos]) >= 0 {
		r.pos++
	}
	r.vis = max(r.vis, r.pos)
	if r.pos == r.got {
		r.release()
	}
	return r.Buffered()
}
