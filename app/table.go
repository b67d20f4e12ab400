package app

import (
	"io"
	"strings"
	"unicode"
)

// table is rows of cells. What stands in them may come from strangers: nothing in it reaches the terminal but characters that can be seen.
type table [][]string

func (t *table) add(cells ...string) {
	for i := range cells {
		cells[i] = printable(cells[i])
	}
	*t = append(*t, cells)
}

// columns are the widths of the columns.
func (t table) columns() []int {
	var widths []int
	for _, row := range t {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], displayWidth(cell))
		}
	}
	return widths
}

// gap stands between two columns.
const gap = "  "

// width is how many columns of a terminal the table takes.
func (t table) width() int {
	total := -len(gap)
	for _, w := range t.columns() {
		total += w + len(gap)
	}
	return total
}

func (t table) write(w io.Writer) error {
	widths := t.columns()
	var b strings.Builder
	for _, row := range t {
		for i, cell := range row {
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-displayWidth(cell)) + gap)
			}
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// wrapWords puts words into lines of at most so many columns, each after an indent.
func wrapWords(words []string, width int, indent string) string {
	return wrapWordsBy(words, width, indent, gap)
}

func wrapWordsBy(words []string, width int, indent, gap string) string {
	var b strings.Builder
	used := 0
	for _, word := range words {
		w := displayWidth(word)
		switch {
		case used == 0:
			b.WriteString(indent)
			used = len(indent)
		case used+len(gap)+w > width:
			b.WriteString("\n" + indent)
			used = len(indent)
		default:
			b.WriteString(gap)
			used += len(gap)
		}
		b.WriteString(word)
		used += w
	}
	b.WriteByte('\n')
	return b.String()
}

// printable replaces control characters, marks of writing direction and the like.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

// displayWidth is how many columns of a terminal a text takes (Unicode Standard Annex 11, as terminals do it).
func displayWidth(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case unicode.In(r, unicode.Mn, unicode.Me): // stands on the character before it
		case isWide(r):
			n += 2
		default:
			n++
		}
	}
	return n
}

// isWide reports whether a character takes two columns: Chinese, Japanese, Korean, full-width forms and pictures.
func isWide(r rune) bool {
	switch {
	case r < 0x1100:
		return false
	case r <= 0x115f, // Hangul
		r >= 0x2e80 && r <= 0x303e, // radicals, punctuation
		r >= 0x3041 && r <= 0x33ff, // kana, enclosed letters
		r >= 0x3400 && r <= 0x4dbf,
		r >= 0x4e00 && r <= 0x9fff,
		r >= 0xa000 && r <= 0xa4cf,
		r >= 0xac00 && r <= 0xd7a3,
		r >= 0xf900 && r <= 0xfaff,
		r >= 0xfe30 && r <= 0xfe6f,
		r >= 0xff00 && r <= 0xff60,
		r >= 0xffe0 && r <= 0xffe6,
		r >= 0x1f300 && r <= 0x1f64f,
		r >= 0x1f680 && r <= 0x1f6ff,
		r >= 0x1f900 && r <= 0x1f9ff,
		r >= 0x20000 && r <= 0x3fffd:
		return true
	}
	return false
}
