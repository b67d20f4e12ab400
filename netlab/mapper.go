//go:build linux

package netlab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"godwit/netlab/proc"
)

// PortMapping says which protocols a router speaks by which the inside asks for
// ports.
type PortMapping struct {
	// NATPMP is NAT-PMP together with PCP, which the daemon answers on
	// the same port.
	NATPMP bool
	// UPnP is UPnP-IGD, found by SSDP.
	UPnP bool
}

// WithPortMapping makes a NAT box whose inside can ask it for ports. The test is
// skipped where the daemon for that is missing, see RequirePortMapping.
func WithPortMapping(m PortMapping) Option { return func(o *options) { o.mapper = &m } }

// RequirePortMapping is Require for boxes that map ports by request.
func RequirePortMapping(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath(tool(mapperProgram)); err == nil {
		return
	}
	const why = "the command " + mapperProgram + " is missing (Debian package miniupnpd-nftables)"
	if inCI(os.Getenv("CI")) {
		t.Fatalf("CI is set, and %s", why)
	}
	t.Skip(why)
}

const mapperProgram = "miniupnpd"

// mapper is the daemon of a box. It belongs to the goroutine of the test.
type mapper struct {
	config string
	ready  string // a line of its log
	daemon *proc.Process
}

// mapperPatience is how long the daemon may take to start on a busy machine.
const mapperPatience = 20 * time.Second

// mapperTable is where the daemon puts its rules. Its chains for translating
// come before those of the kind, so that a port that was asked for is used
// whatever the kind would do.
const mapperTable = `table inet lab_mapper
delete table inet lab_mapper
table inet lab_mapper {
chain allowed { }
chain translated { }
chain sourced { }
chain forward { type filter hook forward priority filter - 5; jump allowed; }
chain prerouting { type nat hook prerouting priority dstnat - 5; jump translated; }
chain postrouting { type nat hook postrouting priority srcnat - 5; jump sourced; }
}
`

func (n *NAT) startMapper(m PortMapping) error {
	word := map[bool]string{true: "yes", false: "no"}
	dir := n.lab.t.TempDir()
	config := fmt.Sprintf(`ext_ifname=wan
listening_ip=lan
http_port=5000
enable_natpmp=%s
enable_upnp=%s
secure_mode=yes
system_uptime=no
notify_interval=60
clean_ruleset_interval=600
min_lifetime=1
max_lifetime=86400
uuid=00000000-0000-4000-8000-%012d
friendly_name=%s
ipv6_disable=yes
upnp_table_name=lab_mapper
upnp_nat_table_name=lab_mapper
upnp_forward_chain=allowed
upnp_nat_chain=translated
upnp_nat_postrouting_chain=sourced
allow 1024-65535 0.0.0.0/0 1024-65535
deny 0-65535 0.0.0.0/0 0-65535
`, word[m.NATPMP], word[m.UPnP], n.number, n.name)
	n.mapper = &mapper{config: filepath.Join(dir, "mapper.conf"), ready: "HTTP listening on port"}
	if m.NATPMP { // which it opens last
		n.mapper.ready = "Listening for NAT-PMP/PCP traffic"
	}
	if err := os.WriteFile(n.mapper.config, []byte(config), 0o600); err != nil {
		return err
	}
	n.runMapper()
	return nil
}

// runMapper starts the daemon without any mapping and waits until it listens.
func (n *NAT) runMapper() {
	l := n.lab
	l.t.Helper()
	l.must(n.ns.nft(mapperTable))
	// -d keeps it in the foreground and makes it tell on standard error what it does.
	n.mapper.daemon = proc.Spec{Name: n.name + ": " + mapperProgram, Path: "sh", Wrap: n.ns.wrap(),
		Args: []string{"-c", `exec "$@" 2>&1`, "sh", tool(mapperProgram), "-d", "-f", n.mapper.config, "-P", n.mapper.config + ".pid", "-i", "wan"}}.Start(l.t)
	n.mapper.daemon.Expect(mapperPatience, "that the port mapping daemon listens", proc.Contains(n.mapper.ready))
}

// ForgetPorts makes the box forget every port that was asked for, as a router
// that starts again: the daemon is killed and a new one begins, with its clock at
// zero. It does nothing to other mappings, see Rebind.
func (n *NAT) ForgetPorts() {
	n.lab.t.Helper()
	if n.mapper == nil {
		n.lab.t.Fatalf("netlab: %s was not made WithPortMapping", n.name)
	}
	n.mapper.daemon.Kill9()
	n.runMapper()
}
