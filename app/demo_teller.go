package app

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// teller prints the story: what happens, with the time since the beginning in front.
type teller struct {
	w     io.Writer
	begun time.Time
	bold  string
	dim   string
	good  string
	bad   string
	plain string
	width int
}

func newTeller(w io.Writer) *teller {
	t := &teller{w: w, begun: time.Now(), width: 100}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width >= 60 {
			t.width = min(width, 110)
		}
		if os.Getenv("NO_COLOR") == "" {
			t.bold, t.dim, t.good, t.bad, t.plain = "\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[31m", "\x1b[0m"
		}
	}
	fmt.Fprintf(w, "%sGodwit, the whole story on this machine%s\n", t.bold, t.plain)
	return t
}

// scene begins a scene.
func (t *teller) scene(n int, title string) {
	fmt.Fprintf(t.w, "\n%s%2d. %s%s\n", t.bold, n, title, t.plain)
}

// margin is the room for the time.
const margin = 11

// say tells one thing that happened, wrapped to the width.
func (t *teller) say(format string, args ...any) {
	stamp := fmt.Sprintf("%7.3f s", time.Since(t.begun).Seconds())
	for i, line := range wrap(fmt.Sprintf(format, args...), t.width-margin) {
		if i > 0 {
			stamp = ""
		}
		fmt.Fprintf(t.w, "%s%9s%s  %s\n", t.dim, stamp, t.plain, line)
	}
}

// row shows a fact as it is.
func (t *teller) row(format string, args ...any) {
	fmt.Fprintf(t.w, "%s%s%s\n", strings.Repeat(" ", margin+2), "· ", fmt.Sprintf(format, args...))
}

// quote shows what somebody's screen says.
func (t *teller) quote(format string, args ...any) {
	fmt.Fprintf(t.w, "%s┃ %s\n", strings.Repeat(" ", margin+2), fmt.Sprintf(format, args...))
}

// end closes the story.
func (t *teller) end(err error) {
	took := time.Since(t.begun).Round(10 * time.Millisecond)
	if err != nil {
		fmt.Fprintf(t.w, "\n%sIt did not work out%s after %s: %v\n", t.bad, t.plain, took, err)
		return
	}
	fmt.Fprintf(t.w, "\n%sEvery step happened%s, in %s. Nothing was lost, nothing came twice.\n", t.good, t.plain, took)
}

// wrap breaks text into lines of at most width characters at spaces.
func wrap(text string, width int) []string {
	var lines []string
	line, n := "", 0
	for _, word := range strings.Fields(text) {
		size := len([]rune(word))
		if n > 0 && n+1+size > width {
			lines = append(lines, line)
			line, n = "", 0
		}
		if n > 0 {
			line += " "
			n++
		}
		line += word
		n += size
	}
	return append(lines, line)
}
