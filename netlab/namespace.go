//go:build linux

package netlab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"godwit/netlab/proc"
)

// namespace is a network namespace held by a file descriptor. It ends when the
// descriptor is closed and no process, socket or device holds it any more.
// Immutable; any goroutine may enter it.
type namespace struct {
	name string
	file *os.File
}

const ownNetns = "/proc/thread-self/ns/net"

// newNamespace makes an empty namespace with only its loopback, which is up.
func newNamespace(name string) (*namespace, error) {
	n := &namespace{name: name}
	err := onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("unshare: %w", err)
		}
		f, err := os.Open(ownNetns)
		if err != nil {
			return err
		}
		n.file = f
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("namespace %s: %w", name, err)
	}
	for _, s := range interfaceDefaults {
		err = errors.Join(err, n.sysctl(s.key, s.value))
	}
	if err = errors.Join(err, n.ip("link set lo up")); err != nil {
		_ = n.file.Close()
		return nil, err
	}
	return n, nil
}

// interfaceDefaults hold for the interfaces that are made afterwards.
var interfaceDefaults = []struct{ key, value string }{
	// No link-local addresses where there is no IPv6, see allowIPv6, and no
	// waiting for duplicate address detection. Loopback, which exists already,
	// keeps ::1.
	{"ipv6/conf/default/disable_ipv6", "1"},
	{"ipv6/conf/all/accept_dad", "0"},
	{"ipv6/conf/default/accept_dad", "0"},
	// An interface drops packets for a moment after it came up. The first packets
	// would then wait a second for the next address resolution, so that is
	// repeated much sooner, and for long enough.
	{"ipv4/neigh/default/retrans_time_ms", "10"},
	{"ipv4/neigh/default/mcast_solicit", "300"},
	{"ipv6/neigh/default/retrans_time_ms", "10"},
	{"ipv6/neigh/default/mcast_solicit", "300"},
}

// onThread runs f on this goroutine, locked to its thread, and puts the thread
// back into the network namespace it came from.
func onThread(f func() error) error {
	runtime.LockOSThread()
	home, err := os.Open(ownNetns)
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	restored := false
	defer func() { // also when f ends the test
		restored = unix.Setns(int(home.Fd()), unix.CLONE_NEWNET) == nil
		_ = home.Close()
		if !restored {
			panic("netlab: this thread cannot return to its network namespace") // nothing sound can follow
		}
		runtime.UnlockOSThread()
	}()
	return f()
}

// do runs f inside the namespace: sockets, processes and devices that f itself
// makes belong to it, those made by goroutines that f starts do not.
func (n *namespace) do(f func() error) error {
	return onThread(func() error {
		if err := unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("entering namespace %s: %w", n.name, err)
		}
		return f()
	})
}

// path names the namespace for other processes while this one holds it.
func (n *namespace) path() string {
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), n.file.Fd())
}

// wrap is a command line that runs what follows it inside the namespace, in the
// same process.
func (n *namespace) wrap() []string {
	return []string{tool("nsenter"), "--net=" + n.path(), "--"}
}

// run runs a tool to its end inside the namespace.
func (n *namespace) run(stdin string, argv ...string) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(tool(argv[0]), argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	proc.DieWithParent(cmd)
	if err := n.do(cmd.Start); err != nil {
		return nil, fmt.Errorf("%s in %s: %w", argv[0], n.name, err)
	}
	if err := cmd.Wait(); err != nil {
		return nil, fmt.Errorf("%s in %s: %w: %s\n%s", strings.Join(argv, " "), n.name, err,
			bytes.TrimSpace(stderr.Bytes()), stdin)
	}
	return stdout.Bytes(), nil
}

// ip runs commands of the ip tool in order and stops at the first that fails.
func (n *namespace) ip(commands ...string) error {
	_, err := n.run(strings.Join(commands, "\n")+"\n", "ip", "-batch", "-")
	return err
}

// nft loads rules in one transaction.
func (n *namespace) nft(rules string) error {
	_, err := n.run(rules, "nft", "-f", "-")
	return err
}

// sysctl sets a key below /proc/sys/net. A key the kernel does not have is fine:
// then the thing it governs is not there either.
func (n *namespace) sysctl(key, value string) error {
	return n.do(func() error {
		err := os.WriteFile(filepath.Join("/proc/sys/net", key), []byte(value), 0)
		if err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("namespace %s: %w", n.name, err)
		}
		return nil
	})
}

// tool finds a command also where the PATH of a service has no sbin.
func tool(name string) string {
	if p, err := exec.LookPath(name); err == nil {
		return p
	}
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/bin"} {
		if p, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return p
		}
	}
	return name
}
