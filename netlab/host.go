//go:build linux

package netlab

import (
	"context"
	"fmt"
	"os/exec"
	"testing"

	"godwit/netlab/proc"
)

// Host is a machine with one interface, eth0, and a default route.
type Host struct {
	node
}

// AddHost puts a host with a public address on the wire.
func (l *Lab) AddHost(name string, opts ...Option) *Host {
	l.t.Helper()
	o, err := readOptions(opts)
	l.must(err)
	h := &Host{node: l.newNode(name, nil)}
	l.must(l.wire.attach(&h.node, "eth0", o))
	l.nodes = append(l.nodes, h)
	return h
}

// AddHost puts a host on the LAN behind the box.
func (n *NAT) AddHost(name string, opts ...Option) *Host {
	l := n.lab
	l.t.Helper()
	o, err := readOptions(opts)
	l.must(err)
	if o.link != nil {
		l.t.Fatalf("netlab: %s: a LAN has no Link; give it to the NAT", name)
	}
	if n.hosts+o.addresses > maxLANHosts {
		l.t.Fatalf("netlab: more than %d addresses on the LAN of %s", maxLANHosts, n.name)
	}
	h := &Host{node: l.newNode(name, n)}
	h.outer, h.onLAN = n.ns, true
	h.addrs = addresses(n.lan, lanFirstHost+n.hosts, o.addresses)
	n.hosts += o.addresses
	port := fmt.Sprintf("port%d", n.hosts)
	l.must(h.ns.ip(fmt.Sprintf("link add name eth0 type veth peer name %s netns %s", port, n.ns.path())))
	l.must(n.ns.ip(fmt.Sprintf("link set %s master lan up", port)))
	l.must(h.ns.configure("eth0", h.addrs, addresses(n.lan, lanGateway, 1)[0]))
	l.must(n.ns.settle(port, "lan"))
	l.nodes = append(l.nodes, h)
	return h
}

// Start runs a program on the host, see proc.Start. Its name in reports is
// "host: program".
func (h *Host) Start(t testing.TB, path string, args ...string) *proc.Process {
	t.Helper()
	return h.StartSpec(t, proc.Spec{Path: path, Args: args})
}

// StartSpec is Start with environment, directory and name; the field Wrap is
// overwritten.
func (h *Host) StartSpec(t testing.TB, s proc.Spec) *proc.Process {
	t.Helper()
	if s.Name == "" {
		s.Name = h.name + ": " + s.Path
	}
	s.Wrap = h.ns.wrap()
	return s.Start(t)
}

// Command prepares a command that will run on the host, as exec.CommandContext
// does; its process id is that of the program. It is killed when ctx or the
// test ends.
func (h *Host) Command(ctx context.Context, path string, args ...string) *exec.Cmd {
	ctx, cancel := context.WithCancel(ctx)
	context.AfterFunc(h.lab.running, cancel)
	argv := append(h.ns.wrap(), path)
	cmd := exec.CommandContext(ctx, argv[0], append(argv[1:], args...)...)
	proc.DieWithParent(cmd)
	return cmd
}
