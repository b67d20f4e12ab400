package archtest

import (
	"slices"
	"strings"
)

// fits tells whether a path fits a pattern: exact, with * for one element, or with a trailing /... for itself and
// everything below; "..." fits all.
func fits(pattern, path string) bool {
	if pattern == "..." {
		return true
	}
	if stem, ok := strings.CutSuffix(pattern, "/..."); ok {
		return path == stem || strings.HasPrefix(path, stem+"/")
	}
	if stem, ok := strings.CutSuffix(pattern, "/*"); ok {
		rest, below := strings.CutPrefix(path, stem+"/")
		return below && !strings.Contains(rest, "/")
	}
	return pattern == path
}

func fitsAny(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return fits(p, path) })
}

// rank orders patterns that fit: exact before *, * before ..., longer before shorter.
func rank(pattern string) int {
	switch {
	case strings.HasSuffix(pattern, "..."):
		return len(pattern)
	case strings.HasSuffix(pattern, "*"):
		return 1000 + len(pattern)
	}
	return 2000 + len(pattern)
}

// roomOf finds the row of a package.
func roomOf(path string) (room, bool) {
	best, found := room{}, false
	for _, r := range rooms {
		if fits(r.pattern, path) && (!found || rank(r.pattern) > rank(best.pattern)) {
			best, found = r, true
		}
	}
	return best, found
}
