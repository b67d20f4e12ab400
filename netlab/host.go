//go:build linux

package netlab

import (
	"context"
	"fmt"
	"os/exec"
	"testing"

	"godwit/netlab/proc"
)

// Host is a machine with one interface, eth0, and a default route; with Join it
// gets more.
type Host struct {
	node
}

// AddHost puts a host with a public address on the wire.
func (l *Lab) AddHost(name string, opts ...Option) *Host {
	l.t.Helper()
	o, err := readOptions(opts)
	l.must(err)
	if o.isolated || o.hairpin || o.mapper != nil {
		l.t.Fatalf("netlab: %s: an option that has no meaning for a host on the wire", name)
	}
	h := &Host{node: l.newNode(name, nil)}
	l.must(l.wire.attach(&h.node, "eth0", o))
	h.uplinks[0].host = h
	l.nodes = append(l.nodes, h)
	return h
}

// AddHost puts a host on the LAN behind the box.
func (n *NAT) AddHost(name string, opts ...Option) *Host {
	l := n.lab
	l.t.Helper()
	o, err := readOptions(opts)
	l.must(err)
	h := &Host{node: l.newNode(name, n)}
	h.outer, h.onLAN = n.ns, true
	_, err = n.plug(h, "eth0", o)
	l.must(err)
	l.nodes = append(l.nodes, h)
	return h
}

// plug gives a host an interface on the LAN of the box.
func (n *NAT) plug(h *Host, ifname string, o options) (*Uplink, error) {
	switch {
	case o.link != nil || o.hairpin || o.mapper != nil:
		return nil, fmt.Errorf("netlab: %s: a LAN has no such option; give it to the NAT", h.name)
	case o.ipv6 && !n.ipv6:
		return nil, fmt.Errorf("netlab: %s: there is no IPv6 behind %s", h.name, n.name)
	}
	first, err := n.lease(o.addresses)
	if err != nil {
		return nil, err
	}
	u := &Uplink{lab: n.lab, host: h, nat: n, ns: h.ns, name: ifname, outer: n.ns, port: fmt.Sprintf("port%d", n.leased),
		metric: firstMetric + len(h.uplinks)}
	if !o.noIPv4 {
		u.take(n.lan, first, o.addresses, lanGateway)
	}
	if o.ipv6 {
		u.take(n.lan6(), first, o.addresses, lanGateway)
	}
	h.uplinks = append(h.uplinks, u)
	if err := h.ns.ip(fmt.Sprintf("link add name %s type veth peer name %s netns %s", ifname, u.port, n.ns.path())); err != nil {
		return nil, err
	}
	commands := []string{fmt.Sprintf("link set %s master lan up", u.port)}
	if o.isolated {
		commands = append(commands, fmt.Sprintf("link set %s type bridge_slave isolated on", u.port))
	}
	if err := n.ns.ip(commands...); err != nil {
		return nil, err
	}
	return u, u.start()
}

// lease takes count addresses of the LAN and returns the last byte of the first.
func (n *NAT) lease(count int) (int, error) {
	if n.leased+count > maxLANHosts {
		return 0, fmt.Errorf("netlab: more than %d addresses on the LAN of %s", maxLANHosts, n.name)
	}
	first := lanFirstHost + n.leased
	n.leased += count
	return first, nil
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
