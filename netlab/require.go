//go:build linux

package netlab

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
)

// Require skips the test, saying why, where labs cannot be built: without root,
// without the tools, or on a kernel that lacks what they need. With CI=true in
// the environment it fails instead, so that a gate never passes by skipping.
// New calls it; call it yourself to skip before expensive preparations.
func Require(t testing.TB) {
	t.Helper()
	err := usable()
	switch {
	case err == nil:
	case inCI(os.Getenv("CI")):
		t.Fatalf("CI is set, and the NAT lab cannot run here: %v", err)
	default:
		t.Skipf("the NAT lab cannot run here: %v", err)
	}
}

func inCI(value string) bool {
	on, err := strconv.ParseBool(value)
	return on || (err != nil && value != "")
}

var usable = sync.OnceValue(func() error {
	if os.Geteuid() != 0 {
		return errors.New("network namespaces need root")
	}
	for name, pkg := range map[string]string{"ip": "iproute2", "nft": "nftables", "nsenter": "util-linux"} {
		if _, err := exec.LookPath(tool(name)); err != nil {
			return fmt.Errorf("the command %s is missing (Debian package %s)", name, pkg)
		}
	}
	n, err := newNamespace("probe")
	if err != nil {
		return err
	}
	defer func() { _ = n.file.Close() }()
	if err := n.ip("link add veth0 type veth peer name veth1", "link add bridge0 type bridge"); err != nil {
		return fmt.Errorf("the kernel lacks veth or bridge: %w", err)
	}
	if err := n.nft(natRules(natShape{kind: Restricted, outside: netip.IPv4Unspecified(), hairpin: true}) + meterRules("inet") + meterRules("bridge") + firewallRules(Restricted)); err != nil {
		return fmt.Errorf("the kernel or nft lacks what the NATs need: %w", err)
	}
	if err := n.flushConntrack(); err != nil {
		return fmt.Errorf("the kernel lacks conntrack over netlink: %w", err)
	}
	return nil
})
