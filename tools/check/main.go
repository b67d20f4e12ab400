// Command check is what `make test` runs: every check of the project, in stages, with a summary at the end.
//
//	go run ./tools/check                 all stages
//	go run ./tools/check vet fuzz        some
//	go run ./tools/check -list           their names
//
// Where something a stage needs is missing the stage says so and is skipped; with CI=true it fails instead.
// What may not enter: knowledge of what is checked. Tests know that; this only runs them and counts.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// A stage is one line of the summary.
type stage struct {
	name string
	what string
	run  func(*run) error
}

var stages = []stage{
	{"install", "programs the tests drive, from Debian's packages", install},
	{"web", "the web client: types, its own tests, bundle, budgets", web},
	{"build", "bin/godwit", build},
	{"format", "gofmt", format},
	{"vet", "go vet", vet},
	{"staticcheck", "staticcheck " + staticcheckVersion, staticcheck},
	{"vulnerabilities", "govulncheck " + govulncheckVersion, vulnerabilities},
	{"wasm", "the client compiles for browsers", wasm},
	{"architecture", "who may import what, sizes, citations (archtest)", architecture},
	{"unit", "unit, conformance and script tests, with -race", unit},
	{"fuzz", "each fuzz target for a moment", fuzz},
	{"interop", "stock clients against the real server", interop},
	{"browser", "the web client in Chromium against the real server", browser},
	{"netlab", "real processes behind real NATs", netlab},
}

// errSkipped marks a stage that could not run here.
var errSkipped = errors.New("skipped")

// run is the state of one invocation. It belongs to the main goroutine.
type run struct {
	ctx      context.Context
	ci       bool
	chosen   bool // the stages were named
	fuzzTime time.Duration
	notes    []string // of the stage that is running
	passed   int
	failed   int
	skipped  int
}

func (r *run) note(text string, args ...any) { r.notes = append(r.notes, fmt.Sprintf(text, args...)) }

// missing ends a stage that can not run here.
func (r *run) missing(text string, args ...any) error {
	err := fmt.Errorf(text, args...)
	if r.ci {
		return err
	}
	return fmt.Errorf("%w: %w", errSkipped, err)
}

func main() {
	list := flag.Bool("list", false, "list the stages and exit")
	fuzzTime := flag.Duration("fuzztime", 3*time.Second, "for each fuzz target")
	flag.Parse()
	if *list {
		for _, s := range stages {
			fmt.Printf("%-16s %s\n", s.name, s.what)
		}
		return
	}
	chosen, err := choose(flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r := &run{ctx: ctx, ci: inCI(os.Getenv("CI")), chosen: flag.NArg() > 0, fuzzTime: *fuzzTime}
	if !r.all(chosen) {
		os.Exit(1)
	}
}

func inCI(value string) bool {
	on, err := strconv.ParseBool(value)
	return on || (err != nil && value != "")
}

func choose(names []string) ([]stage, error) {
	if len(names) == 0 {
		return stages, nil
	}
	var chosen []stage
	for _, name := range names {
		i := slices.IndexFunc(stages, func(s stage) bool { return s.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no stage %q; see -list", name)
		}
		chosen = append(chosen, stages[i])
	}
	return chosen, nil
}

// all runs the stages, also after a failure, so that one run tells everything.
func (r *run) all(chosen []stage) bool {
	begin, good := time.Now(), true
	var summary []string
	for _, s := range chosen {
		if r.ctx.Err() != nil {
			good = false
			break
		}
		fmt.Printf("== %s: %s\n", s.name, s.what)
		r.notes = nil
		start := time.Now()
		err := s.run(r)
		verdict := "ok"
		switch {
		case errors.Is(err, errSkipped):
			verdict = "SKIPPED"
		case err != nil:
			verdict, good = "FAILED", false
		}
		if err != nil {
			r.note("%v", err)
		}
		line := fmt.Sprintf("  %-8s %-16s %7.1fs", verdict, s.name, time.Since(start).Seconds())
		for i, n := range r.notes {
			if i > 0 {
				line += fmt.Sprintf("\n%37s", "")
			}
			line += "  " + n
		}
		fmt.Println(line)
		summary = append(summary, line)
	}
	fmt.Println("\nSummary")
	for _, line := range summary {
		fmt.Println(line)
	}
	fmt.Printf("  in %s\n%d passed, %d failed, %d skipped\n", time.Since(begin).Round(time.Second), r.passed, r.failed, r.skipped)
	return good
}
