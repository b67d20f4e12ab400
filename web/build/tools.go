package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// missingError names a program that is not there.
type missingError struct{ program string }

func (e *missingError) Error() string { return e.program + " is missing" }

// run runs a program; what it prints appears if it fails.
func run(dir string, env []string, name string, args ...string) ([]byte, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return nil, &missingError{name}
	}
	cmd := exec.Command(path, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var out, both bytes.Buffer
	cmd.Stdout, cmd.Stderr = &tee{&out, &both}, &both
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, both.Bytes())
	}
	return out.Bytes(), nil
}

// tee writes to both.
type tee struct{ a, b *bytes.Buffer }

func (t *tee) Write(p []byte) (int, error) {
	t.a.Write(p)
	return t.b.Write(p)
}

// dependencies installs what the lock file says, unless that is there already.
func (p plan) dependencies() error {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return &missingError{program}
		}
	}
	lock, err := os.ReadFile(filepath.Join(p.ui, "package-lock.json"))
	if err != nil {
		return err
	}
	sum := sha256.Sum256(lock)
	want, mark := hex.EncodeToString(sum[:]), filepath.Join(p.ui, "node_modules", ".installed")
	if have, err := os.ReadFile(mark); err == nil && string(have) == want {
		return nil
	}
	if _, err := run(p.ui, nil, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"); err != nil {
		return err
	}
	return os.WriteFile(mark, []byte(want), 0o644)
}

// types has the compiler check the face.
func (p plan) types() error {
	_, err := run(p.ui, nil, "npm", "run", "--silent", "check")
	return err
}

// tests runs the tests of the face.
func (p plan) tests() error {
	_, err := run(p.ui, nil, "npm", "test", "--silent")
	return err
}

// core builds the client for the browser. Without inlining it is smaller as it travels
// (2.05 MB instead of 2.24 MB with gzip, at the time it was measured).
func (p plan) core() ([]byte, error) {
	dir, err := os.MkdirTemp("", "godwit-core-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "core.wasm")
	_, err = run(p.top, []string{"GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0"},
		"go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-gcflags=all=-l", "-o", file, "./web/core")
	if err != nil {
		return nil, err
	}
	return os.ReadFile(file)
}

// support is Go's own script that starts a program in the browser.
func (p plan) support() (string, error) {
	root, err := run(p.top, nil, "go", "env", "GOROOT")
	if err != nil {
		return "", err
	}
	return filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec.js"), nil
}
