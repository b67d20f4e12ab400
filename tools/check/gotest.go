package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
)

// event is a line of `go test -json` (go doc test2json).
type event struct {
	Action     string
	Package    string
	ImportPath string
	Test       string
	Output     string
	Elapsed    float64
}

// key names a test, or with an empty test a package.
type key struct{ pkg, test string }

// results collects events. Output is kept until it is known whether anybody needs it.
type results struct {
	output  map[key][]string
	skipped map[string][]string // reason → tests
	slow    map[string]float64  // package → seconds
	passed  int
	failed  []string
}

func newResults() *results {
	return &results{output: map[key][]string{}, skipped: map[string][]string{}, slow: map[string]float64{}}
}

// tableMark begins the lines of tables that tests print for their reader.
const tableMark = "lab| "

// slowPackage is from how many seconds on a package that passed gets a line of its own.
const slowPackage = 3

// hasFailed tells whether a test of a package has.
func (res *results) hasFailed(pkg string) bool {
	return slices.ContainsFunc(res.failed, func(name string) bool {
		return strings.HasPrefix(name, strings.TrimPrefix(pkg, "godwit/")+".")
	})
}

// expectedSkips are the reasons for which a test may be skipped in CI too.
var expectedSkips = []struct{ pattern, why string }{
	{`this implementation (keeps nothing|is for one process)`, "a suite for stores asks only lasting ones for lasting"},
}

// goTest runs go test and counts. Output of tests that pass is dropped.
func (r *run) goTest(env []string, args ...string) error {
	cmd := r.command(env, "go", append([]string{"test", "-json"}, args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cmd.Stderr = os.Stdout
	if err := cmd.Start(); err != nil {
		return err
	}
	res := newResults()
	res.read(out, os.Stdout)
	err = cmd.Wait()
	r.passed, r.failed = r.passed+res.passed, r.failed+len(res.failed)
	r.note("%d passed, %d failed", res.passed, len(res.failed))
	r.note("longest: %s", res.longest(4))
	for _, name := range res.failed {
		r.note("failed: %s", name)
	}
	if skips := r.skips(res); skips > 0 && err == nil && r.ci {
		err = fmt.Errorf("%d tests were skipped for reasons that do not count in CI", skips)
	}
	return err
}

// skips notes what was skipped, and returns how many are not expected.
func (r *run) skips(res *results) (unexpected int) {
	for _, reason := range slices.Sorted(maps.Keys(res.skipped)) {
		tests := res.skipped[reason]
		r.skipped += len(tests)
		if slices.ContainsFunc(expectedSkips, func(s struct{ pattern, why string }) bool {
			return regexp.MustCompile(s.pattern).MatchString(reason)
		}) {
			continue
		}
		unexpected += len(tests)
		r.note("skipped %d, such as %s: %s", len(tests), tests[0], reason)
	}
	return unexpected
}

func (res *results) read(in io.Reader, out io.Writer) {
	lines := bufio.NewReaderSize(in, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) == nil {
				res.take(e, out)
			} else {
				_, _ = out.Write(line)
			}
		}
		if err != nil {
			return
		}
	}
}

func (res *results) take(e event, out io.Writer) {
	k := key{e.Package, e.Test}
	switch e.Action {
	case "output":
		if table, ok := strings.CutPrefix(e.Output, tableMark); ok {
			fmt.Fprint(out, "   "+table) // for whoever runs the check, also when all is well
			return
		}
		res.output[k] = append(res.output[k], e.Output)
	case "build-output":
		fmt.Fprint(out, e.Output)
	case "pass":
		if e.Test != "" {
			res.passed++
		} else {
			res.slow[e.Package] = e.Elapsed
			if e.Elapsed >= slowPackage {
				fmt.Fprintf(out, "   ok %-40s %6.1fs\n", e.Package, e.Elapsed)
			}
		}
		delete(res.output, k)
	case "fail":
		if e.Test != "" || len(res.output[k]) > 0 && !res.hasFailed(e.Package) {
			res.failed = append(res.failed, strings.TrimSuffix(strings.TrimPrefix(e.Package+"."+e.Test, "godwit/"), "."))
		}
		fmt.Fprintf(out, "-- FAIL %s %s\n%s", e.Package, e.Test, strings.Join(res.output[k], ""))
		delete(res.output, k)
	case "skip":
		if e.Test != "" {
			reason := skipReason(res.output[k])
			res.skipped[reason] = append(res.skipped[reason], strings.TrimPrefix(e.Package+"."+e.Test, "godwit/"))
		}
		delete(res.output, k)
	}
}

var skipLine = regexp.MustCompile(`^\s*[\w.]+\.go:\d+: (.*)`)

// skipReason finds what t.Skip said.
func skipReason(output []string) string {
	for _, line := range output {
		if m := skipLine.FindStringSubmatch(line); m != nil {
			return strings.TrimSpace(m[1])
		}
	}
	return "no reason given"
}

func (res *results) longest(n int) string {
	names := slices.SortedFunc(maps.Keys(res.slow), func(a, b string) int {
		return int((res.slow[b] - res.slow[a]) * 1000)
	})
	var parts []string
	for _, name := range names[:min(n, len(names))] {
		parts = append(parts, fmt.Sprintf("%s %.1fs", strings.TrimPrefix(name, "godwit/"), res.slow[name]))
	}
	return strings.Join(parts, ", ")
}
