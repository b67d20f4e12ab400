package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// The linters are pinned here and not in go.mod, to keep what they depend on out of the project's own module graph.
const (
	staticcheckVersion = "v0.8.2"
	govulncheckVersion = "v1.9.0"
	staticcheckPackage = "honnef.co/go/tools/cmd/staticcheck@" + staticcheckVersion
	govulncheckPackage = "golang.org/x/vuln/cmd/govulncheck@" + govulncheckVersion
)

// command prepares a command that is killed with the run.
func (r *run) command(env []string, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(r.ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	return cmd
}

// do runs a command; its output appears only if it fails.
func (r *run) do(env []string, name string, args ...string) error {
	cmd := r.command(env, name, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		_, _ = io.Copy(os.Stdout, &out)
		return fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return nil
}

func (r *run) output(name string, args ...string) ([]string, error) {
	cmd := r.command(nil, name, args...)
	cmd.Stderr = os.Stdout
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return strings.Fields(string(out)), nil
}

// web builds what the binary serves as its page, so it comes before everything that builds the binary.
func web(r *run) error {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return r.missing("%s is not installed, so the binary has no page", program)
		}
	}
	out, err := r.command(nil, "go", "run", "./web/build", "-check").CombinedOutput()
	if err != nil {
		_, _ = os.Stdout.Write(out)
		return err
	}
	for _, line := range strings.Split(string(bytes.TrimSpace(out)), "\n") {
		r.note("%s", line)
	}
	return nil
}

// browser plays the web client in Chromium, against the real server. There is one browser on the machine to share.
func browser(r *run) error {
	for _, program := range []string{"node", "chromium"} {
		if _, err := exec.LookPath(program); err != nil {
			return r.missing("%s is not installed", program)
		}
	}
	if _, err := os.Stat("web/bundle/dist/index.html"); err != nil {
		return r.missing("the web client is not built")
	}
	return r.goTest(nil, "-count=1", "-p=1", "-timeout=20m", "./web/webtest/...")
}

func build(r *run) error {
	return r.do([]string{"CGO_ENABLED=0"}, "go", "build", "-trimpath", "-o", "bin/godwit", "./cmd/godwit")
}

func format(r *run) error {
	files, err := r.output("go", "run", "cmd/gofmt", "-l", ".")
	if err == nil && len(files) > 0 {
		err = errors.New("gofmt would change " + strings.Join(files, " "))
	}
	return err
}

func vet(r *run) error { return r.do(nil, "go", "vet", "./...") }

func staticcheck(r *run) error { return r.do(nil, "go", "run", staticcheckPackage, "./...") }

// vulnerabilities is the one check that needs a service on the network besides the module proxy. Without its data it
// can say nothing, in CI too, and does not pretend otherwise.
func vulnerabilities(r *run) error {
	cmd := r.command(nil, "go", "run", govulncheckPackage, "./...")
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		return nil
	case bytes.Contains(out, []byte("fetching vulnerabilities")):
		return fmt.Errorf("%w: the vulnerability database can not be reached from here", errSkipped)
	}
	_, _ = os.Stdout.Write(out)
	return err
}

func wasm(r *run) error {
	packages, err := r.output("go", "list", "./client/...", "./web/core/...")
	if err != nil {
		return err
	}
	// The cache on disk and the suite for caches are for programs with files.
	packages = slices.DeleteFunc(packages, func(p string) bool {
		return strings.Contains(p, "/sqlite") || strings.HasSuffix(p, "test")
	})
	return r.do([]string{"GOOS=js", "GOARCH=wasm"}, "go", append([]string{"build"}, packages...)...)
}

func architecture(r *run) error { return r.goTest(nil, "./archtest/...") }

func unit(r *run) error {
	packages, err := r.output("go", "list", "./...")
	if err != nil {
		return err
	}
	packages = slices.DeleteFunc(packages, func(p string) bool {
		_, inside, _ := strings.Cut(p, "/")
		return inside == "archtest" || inside == "interop" || strings.HasPrefix(inside, "web/webtest") || slices.Contains(labs, "./"+inside)
	})
	if _, err := exec.LookPath("gcc"); err != nil {
		return r.missing("the race detector needs gcc")
	}
	return r.goTest([]string{"CGO_ENABLED=1"}, append([]string{"-race"}, packages...)...)
}

// interop lets stock clients drive a server that stops at the first data race.
func interop(r *run) error {
	dir, err := os.MkdirTemp("", "godwit-race-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "godwit")
	if err := r.do([]string{"CGO_ENABLED=1"}, "go", "build", "-race", "-o", binary, "./cmd/godwit"); err != nil {
		return err
	}
	return r.goTest([]string{"GODWIT_BINARY=" + binary, "GORACE=halt_on_error=1"}, "-count=1", "./interop/...")
}

// netlab measures and cuts, so nothing else runs beside it. In CI, and where it is all that is asked for, it plays everything; else what stands
// for it.
func netlab(r *run) error {
	var env []string
	if r.ci || r.chosen {
		env = append(env, "GODWIT_LAB=full")
	}
	return r.goTest(env, append([]string{"-count=1", "-p=1", "-timeout=50m"}, labs...)...)
}

// labs are the packages that build networks.
var labs = []string{"./netlab", "./netlab/story"}
