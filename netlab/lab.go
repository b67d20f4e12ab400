//go:build linux

package netlab

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// Lab is one small internet. It is built, cut and asked by the goroutine of the
// test, which any failure ends; what its hosts offer may be used from any
// goroutine unless said otherwise.
type Lab struct {
	t    testing.TB
	wire *router

	nodes []Node // in the order of making; names are unique
	nats  int    // NAT boxes so far, which number their LANs

	running context.Context // ends with the test
	stop    context.CancelFunc

	mu      sync.Mutex // guards closers: sockets are opened from any goroutine
	closers []io.Closer
	spaces  []*namespace
}

// New makes a lab with only its wire. It skips the test where that cannot work,
// see Require. When the test ends everything in the lab ends.
func New(t testing.TB) *Lab {
	t.Helper()
	Require(t)
	l := &Lab{t: t}
	l.running, l.stop = context.WithCancel(context.Background())
	t.Cleanup(l.close)
	ns := l.namespace("wire")
	l.wire = &router{ns: ns, subnet6: wireSubnet6, subnet: func(k int) netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{27, 1, byte(k), 0}), 24)
	}}
	l.must(l.wire.start())
	return l
}

// Host is the host of that name; the test ends if there is none.
func (l *Lab) Host(name string) *Host {
	l.t.Helper()
	h, ok := l.find(name).(*Host)
	if !ok {
		l.t.Fatalf("netlab: no host %q", name)
	}
	return h
}

// NAT is the NAT box of that name; the test ends if there is none.
func (l *Lab) NAT(name string) *NAT {
	l.t.Helper()
	n, ok := l.find(name).(*NAT)
	if !ok {
		l.t.Fatalf("netlab: no NAT %q", name)
	}
	return n
}

func (l *Lab) find(name string) Node {
	for _, n := range l.nodes {
		if n.Name() == name {
			return n
		}
	}
	return nil
}

// String draws the lab as an indented list. A failed test logs it.
func (l *Lab) String() string {
	var b strings.Builder
	for _, n := range l.nodes {
		base := n.base()
		fmt.Fprintf(&b, "%s%s", strings.Repeat("  ", len(base.chain())-1), base.name)
		for _, u := range base.uplinks {
			fmt.Fprintf(&b, " %s %v", u.name, append(slices.Clone(u.addrs), u.addrs6...))
		}
		if nat, ok := n.(*NAT); ok {
			fmt.Fprintf(&b, " %v, LAN %v", nat.kind, nat.lan)
		}
		b.WriteString("\n")
	}
	return b.String()
}

func (l *Lab) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// namespace makes a namespace that ends with the lab.
func (l *Lab) namespace(name string) *namespace {
	l.t.Helper()
	ns, err := newNamespace(name)
	l.must(err)
	l.spaces = append(l.spaces, ns)
	return ns
}

// keep closes c when the test ends. Whoever opened it may close it before.
func (l *Lab) keep(c io.Closer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closers = append(l.closers, c)
}

func (l *Lab) close() {
	if l.t.Failed() {
		l.t.Logf("the lab was\n%s", l)
	}
	l.stop()
	l.mu.Lock()
	closers := l.closers
	l.closers = nil
	l.mu.Unlock()
	for _, c := range closers {
		_ = c.Close() // what the test has closed already is fine
	}
	if err := killInside(l.spaces); err != nil {
		l.t.Error(err)
	}
	for _, ns := range l.spaces {
		_ = ns.file.Close()
	}
}

// killInside kills what still runs in the namespaces: programs whose starter did
// not wait for them. Membership is checked again between taking hold of the
// process and killing it, so that a reused process id is never hit.
func killInside(spaces []*namespace) error {
	inside := map[uint64]bool{}
	for _, ns := range spaces {
		var st unix.Stat_t
		if err := unix.Fstat(int(ns.file.Fd()), &st); err != nil {
			return fmt.Errorf("netlab: %s: %w", ns.name, err)
		}
		inside[st.Ino] = true
	}
	member := func(pid int) bool {
		var st unix.Stat_t
		return unix.Stat(fmt.Sprintf("/proc/%d/ns/net", pid), &st) == nil && inside[st.Ino]
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return fmt.Errorf("netlab: looking for processes: %w", err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() || !member(pid) {
			continue
		}
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			continue // gone already
		}
		if member(pid) {
			_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
		}
		_ = unix.Close(fd)
	}
	return nil
}
