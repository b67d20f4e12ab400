package filemeta

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"godwit/xep/datetime"
	"godwit/xep/hashes"
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of <file/> outside Jingle.
const NS = "urn:xmpp:file:metadata:0"

// MaxName bounds a name, in bytes: what file systems take, with room for a
// number when the name is taken.
const MaxName = 200

// Bounds in bytes.
const (
	maxType   = 255
	maxDesc   = 4 << 10
	maxHashes = 8
)

// File describes a file. What a peer left out is zero.
type File struct {
	Name   string // as CleanName gives it
	Type   string // media type
	Size   int64  // bytes; -1 when it is not told
	Desc   string
	Date   time.Time // of the last change
	Hashes []hashes.Hash
	// Width and Height of a picture or film, in pixels.
	Width, Height int
	// Range is the part that is wanted or sent (XEP-0234 §6.4); Ranged tells that
	// one is named, Offset where it begins.
	Ranged bool
	Offset int64
}

// Parse reads <file/> in that namespace. A name is made harmless, values that
// make no sense are left out: a description is not worth refusing a file for.
func Parse(n xmlstream.Node, space string) (File, error) {
	if err := wire.Expect(n, space, "file"); err != nil {
		return File{}, err
	}
	f := File{Size: -1}
	for c := range n.Elements() {
		if hashes.Is(c) {
			if h, err := hashes.Parse(c); err == nil && len(f.Hashes) < maxHashes {
				f.Hashes = append(f.Hashes, h)
			}
			continue
		}
		if c.Name.Space != space {
			continue
		}
		text := c.InnerText()
		switch c.Name.Local {
		case "name":
			f.Name = CleanName(text)
		case "media-type":
			if len(text) <= maxType {
				f.Type = text
			}
		case "size":
			if v, ok := wire.Uint(text, math.MaxInt64); ok {
				f.Size = int64(v)
			}
		case "desc":
			f.Desc = wire.Cut(text, maxDesc)
		case "date":
			f.Date, _ = datetime.Parse(text)
		case "width":
			f.Width = pixels(text)
		case "height":
			f.Height = pixels(text)
		case "range":
			f.Ranged = true
			if v, ok := wire.Uint(c.Attr("offset"), math.MaxInt64); ok {
				f.Offset = int64(v)
			}
		}
	}
	return f, nil
}

func pixels(s string) int {
	v, _ := wire.Uint(s, 1<<20)
	return int(v)
}

// Encode writes <file/> in that namespace.
func (f File) Encode(e *xmlstream.Encoder, space string) {
	e.Start(space, "file")
	wire.OptionalLeaf(e, space, "media-type", f.Type)
	wire.OptionalLeaf(e, space, "name", f.Name)
	if !f.Date.IsZero() {
		e.Leaf(space, "date", datetime.Format(f.Date))
	}
	if f.Size >= 0 {
		e.Leaf(space, "size", strconv.FormatInt(f.Size, 10))
	}
	if f.Width > 0 {
		e.Leaf(space, "width", strconv.Itoa(f.Width))
	}
	if f.Height > 0 {
		e.Leaf(space, "height", strconv.Itoa(f.Height))
	}
	for _, h := range f.Hashes {
		h.Encode(e)
	}
	wire.OptionalLeaf(e, space, "desc", f.Desc)
	if f.Ranged {
		e.Start(space, "range")
		if f.Offset > 0 {
			e.Attr("offset", strconv.FormatInt(f.Offset, 10))
		}
		e.End()
	}
	e.End()
}

// CleanName makes a file's name harmless: the last part of a path, without
// control characters, without characters that turn the direction of writing or
// are invisible (a name must not look like another one), without those that some
// systems forbid or read as something else, and no longer than MaxName. "" when
// nothing is left.
func CleanName(s string) string {
	if i := strings.LastIndexAny(s, `/\`); i >= 0 {
		s = s[i+1:]
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError, unicode.Is(unicode.Cc, r), unicode.Is(unicode.Cf, r) && r != '\u200d', unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r),
			unicode.Is(unicode.Co, r), unicode.Is(unicode.Cs, r):
			return -1
		case strings.ContainsRune(`<>:"|?*`, r):
			return '_'
		case unicode.IsSpace(r):
			return ' '
		}
		return r
	}, s)
	s = strings.TrimRight(strings.TrimLeft(s, " ."), " .")
	if len(s) > MaxName {
		ext := ""
		if i := strings.LastIndexByte(s, '.'); i > 0 && len(s)-i <= 16 {
			ext = s[i:]
		}
		s = strings.TrimRight(wire.Cut(s[:len(s)-len(ext)], MaxName-len(ext)), " .") + ext
	}
	if reserved(s) {
		s = "_" + s
	}
	return s
}

// reserved reports whether Windows takes a name for a device.
func reserved(s string) bool {
	base, _, _ := strings.Cut(strings.ToUpper(s), ".")
	switch strings.TrimRight(base, " ") {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	return len(base) == 4 && (strings.HasPrefix(base, "COM") || strings.HasPrefix(base, "LPT")) && base[3] >= '0' && base[3] <= '9'
}
