package archtest

import (
	"fmt"
	"slices"
	"strings"
)

// A violation says what is wrong and why that is a rule.
type violation struct{ what, why string }

func (v violation) String() string { return v.what + "\n      because: " + v.why }

// checkFloors holds the imports within the module against the rooms.
func checkFloors(pkgs []pkg) (vs []violation) {
	for _, p := range pkgs {
		from, ok := roomOf(p.path)
		if !ok {
			vs = append(vs, violation{p.path + " has no row in archtest's table", "every room has one purpose that somebody wrote down"})
			continue
		}
		for _, path := range unique(p.imports) {
			if to, inside := strings.CutPrefix(path, module+"/"); inside {
				vs = append(vs, checkImport(p.path, from, to)...)
			}
		}
	}
	return vs
}

// checkImport judges one import of shipped code or of a test room.
func checkImport(path string, from room, to string) []violation {
	what := path + " imports " + to
	for _, n := range never {
		if fits(n.from, path) && fits(n.to, to) {
			return []violation{{what, n.why}}
		}
	}
	target, ok := roomOf(to)
	switch {
	case !ok:
		return []violation{{what + ", which has no row in archtest's table", "every room has one purpose that somebody wrote down"}}
	case from.floor == tests:
		return nil
	case target.floor == tests:
		return []violation{{what, "it is a room for tests (" + target.why + "), and shipped code has none of that"}}
	case target.floor > from.floor:
		return []violation{{fmt.Sprintf("%s: floor %v imports floor %v", what, from.floor, target.floor), "a package imports lower floors; " + from.why}}
	case from.only != nil && !fitsAny(from.only, to):
		return []violation{{what + ", and may only import " + strings.Join(from.only, ", "), from.why}}
	case fitsAny(from.not, to):
		return []violation{{what, from.why}}
	case target.floor == from.floor && from.only == nil && !fitsAny(from.beside, to):
		return []violation{{fmt.Sprintf("%s on its own floor, and its row does not say so", what), from.why}}
	}
	return nil
}

// checkFences holds imports from outside the module against the fences.
func checkFences(pkgs []pkg) (vs []violation) {
	for _, p := range pkgs {
		r, _ := roomOf(p.path)
		for _, path := range unique(p.imports) {
			vs = append(vs, checkFence(p.path, path, r.floor == tests)...)
		}
		for _, path := range unique(p.tests) {
			vs = append(vs, checkFence(p.path, path, true)...)
		}
	}
	return vs
}

func checkFence(from, path string, test bool) []violation {
	if path == module || strings.HasPrefix(path, module+"/") {
		return nil
	}
	f, fenced := fenceOf(path)
	switch {
	case fenced && (fitsAny(f.owners, from) || test && fitsAny(f.inTests, from)):
		return nil
	case fenced && test:
		return []violation{{"a test of " + from + " imports " + path, f.why}}
	case fenced:
		return []violation{{from + " imports " + path, f.why}}
	case strings.Contains(strings.Split(path, "/")[0], "."):
		return []violation{{from + " imports " + path + ", which has no owner in archtest's table", "each dependency is somebody's, so that leaving it costs one room"}}
	}
	return nil // the standard library
}

func fenceOf(path string) (fence, bool) {
	best, found := fence{}, false
	for _, f := range fences {
		if fits(f.path, path) && (!found || rank(f.path) > rank(best.path)) {
			best, found = f, true
		}
	}
	return best, found
}

// checkPure holds the rooms that must be pure against what makes them impure.
func checkPure(pkgs []pkg) (vs []violation) {
	for _, p := range pkgs {
		if r, _ := roomOf(p.path); r.floor == tests || !fitsAny(pure.rooms, p.path) {
			continue
		}
		for _, path := range unique(p.imports) {
			if fitsAny(pure.forbid, path) {
				vs = append(vs, violation{p.path + " imports " + path, pure.why})
			}
		}
	}
	return vs
}

// checkBrowser looks at everything that a root of the browser's client pulls in.
func checkBrowser(root string, closure []string) (vs []violation) {
	for _, path := range closure {
		if fitsAny(browser.forbid, path) {
			vs = append(vs, violation{root + ", compiled for browsers, pulls in " + path, browser.why})
		}
	}
	return vs
}

// checkDocs wants a package comment in every package.
func checkDocs(pkgs []pkg) (vs []violation) {
	const why = "a stranger must learn from the package comment what a room is for and what may not enter it"
	for _, p := range pkgs {
		name := p.path[strings.LastIndex(p.path, "/")+1:]
		if !strings.HasPrefix(p.doc, "Package "+name+" ") && !strings.HasPrefix(p.doc, "Command "+name+" ") {
			vs = append(vs, violation{p.path + ` has no package comment that begins with "Package ` + name + ` " (or "Command ")`, why})
		}
	}
	return vs
}

// checkSizes holds files and functions against the limits. Functions of tests may be long tables. An exemption that
// nobody needs is a violation too.
func checkSizes(pkgs []pkg, exempt []exemption) (vs []violation) {
	const why = "what is longer has more than one reason to change; split it, or write the reason into archtest's table"
	used := map[string]bool{}
	excused := func(what string) bool {
		i := slices.IndexFunc(exempt, func(e exemption) bool { return e.what == what })
		used[what] = used[what] || i >= 0
		return i >= 0 && exempt[i].why != ""
	}
	for _, p := range pkgs {
		for _, f := range p.files {
			if f.generated {
				continue
			}
			limit := maxFile
			if f.test {
				limit = maxTestFile
			}
			if f.lines > limit && !excused(f.name) {
				vs = append(vs, violation{fmt.Sprintf("%s has %d lines, more than %d", f.name, f.lines, limit), why})
			}
			for _, fn := range f.functions {
				if what := f.name + ":" + fn.name; !f.test && fn.lines > maxFunction && !excused(what) {
					vs = append(vs, violation{fmt.Sprintf("%s has %d lines, more than %d", what, fn.lines, maxFunction), why})
				}
			}
		}
	}
	for _, e := range exempt {
		if !used[e.what] {
			vs = append(vs, violation{"the exemption of " + e.what + " is not needed", "lists of exceptions only grow if nobody looks"})
		}
	}
	return vs
}

func unique(paths []string) []string {
	sorted := slices.Clone(paths)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}
