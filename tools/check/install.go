package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// needs are the programs that tests start, and the files they read, and Debian's packages for them.
var needs = map[string]string{
	"gcc":                     "gcc",
	"ip":                      "iproute2",
	"nft":                     "nftables",
	"nsenter":                 "util-linux",
	"miniupnpd":               "miniupnpd-nftables",
	"tmux":                    "tmux",
	"profanity":               "profanity",
	"go-sendxmpp":             "go-sendxmpp",
	"chromium-headless-shell": "chromium-headless-shell",
	"chromium":                "chromium",
	"node":                    "nodejs",
	"npm":                     "npm",
	"/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc": "fonts-noto-cjk",
	"/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf":      "fonts-noto-color-emoji",
	"/usr/bin/python3 with slixmpp":                          "python3-slixmpp",
}

// present tells whether a program of needs is there.
func present(name string) bool {
	if interpreter, module, ok := strings.Cut(name, " with "); ok {
		return exec.Command(interpreter, "-c", "import "+module).Run() == nil
	}
	if _, err := os.Stat(name); filepath.IsAbs(name) && err == nil {
		return true
	}
	for _, path := range []string{name, "/usr/sbin/" + name, "/sbin/" + name} {
		if _, err := exec.LookPath(path); err == nil {
			return true
		}
	}
	return false
}

// install gets what is missing, if it may: as root, with apt.
func install(r *run) error {
	packages := map[string]string{}
	for name, pkg := range needs {
		if !present(name) {
			packages[pkg] = name
		}
	}
	if len(packages) == 0 {
		return nil
	}
	names := slices.Sorted(maps.Keys(packages))
	if _, err := exec.LookPath("apt-get"); err != nil || os.Geteuid() != 0 {
		return r.missing("not root on a Debian system, so these are not installed, and what needs them is skipped: %s", strings.Join(names, " "))
	}
	env := []string{"DEBIAN_FRONTEND=noninteractive"}
	if err := r.do(env, "apt-get", "update", "-q"); err != nil {
		return r.missing("%w", err)
	}
	args := append([]string{"install", "-q", "-y", "--no-install-recommends"}, names...)
	if slices.Contains(names, "gcc") {
		args = append(args, "libc6-dev")
	}
	if err := r.do(env, "apt-get", args...); err != nil {
		return r.missing("%w", err)
	}
	for pkg, name := range packages {
		if !present(name) {
			return fmt.Errorf("%s is not there after installing %s", name, pkg)
		}
	}
	r.note("installed %s", strings.Join(names, " "))
	return nil
}
