package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// target is one fuzz target.
type target struct{ dir, name string }

var fuzzFunc = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(\w+ \*testing\.F\)`)

// targets finds every fuzz target below a directory. Targets in generated or vendored places do not exist here.
func targets(root string) (found []target, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		source, err := os.ReadFile(path)
		for _, m := range fuzzFunc.FindAllSubmatch(source, -1) {
			found = append(found, target{filepath.Dir(path), string(m[1])})
		}
		return err
	})
	return found, err
}

func fuzz(r *run) error {
	all, err := targets(".")
	if err != nil {
		return err
	}
	var errs []error
	for _, t := range all {
		if r.ctx.Err() != nil {
			return r.ctx.Err()
		}
		if err := r.fuzzOne(t); err != nil {
			r.failed++
			errs = append(errs, err)
			continue
		}
		r.passed++
	}
	r.note("%d targets, %s each", len(all), r.fuzzTime)
	return errors.Join(errs...)
}

// deadline is what the fuzzing engine sometimes reports when its time is up while a worker is busy; no input failed.
// See golang.org/issue/48591.
var deadline = []byte("context deadline exceeded")

func (r *run) fuzzOne(t target) error {
	cmd := r.command(nil, "go", "test", "-run", "^$", "-fuzz", "^"+t.name+"$", "-fuzztime", r.fuzzTime.String(),
		"-fuzzminimizetime", "10x", "./"+t.dir)
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	if bytes.Contains(out, deadline) && !bytes.Contains(out, []byte("Failing input written")) {
		r.note("%s %s: the engine ran out of time, no input failed", t.dir, t.name)
		return nil
	}
	_, _ = os.Stdout.Write(out)
	return fmt.Errorf("%s %s: %w", t.dir, t.name, err)
}
