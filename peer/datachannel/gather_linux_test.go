package datachannel

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"godwit/peer"
	"godwit/udpmux"
	"godwit/xep/datachannel"
	"godwit/xep/icetransport"

	"golang.org/x/sys/unix"
)

// TestContainersDoNotCrowdOut is on a machine with many bridges, of which the
// system lists the uplink last: the uplink is told first, and not all are told.
func TestContainersDoNotCrowdOut(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, for a network namespace")
	}
	const bridges = 30
	failed := make(chan string, 1)
	var told []icetransport.Candidate
	var port uint16
	go func() { // its thread keeps the namespace, and ends with it
		runtime.LockOSThread()
		failed <- func() string {
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				return err.Error()
			}
			var script strings.Builder
			fmt.Fprintln(&script, "link set lo up")
			for i := range bridges {
				fmt.Fprintf(&script, "link add c%d type bridge\naddr add 172.17.%d.1/24 dev c%[1]d\naddr add fd00:%[1]d::1/64 dev c%[1]d nodad\nlink set c%[1]d up\n", i, i)
			}
			fmt.Fprintln(&script, "link add uplink type veth peer name far\naddr add 192.168.1.7/24 dev uplink\naddr add fd77::7/64 dev uplink nodad\nlink set uplink up\nlink set far up")
			fmt.Fprintln(&script, "route add default via 192.168.1.1\n-6 route add default via fd77::1")
			for line := range strings.Lines(script.String()) {
				if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
					return fmt.Sprintf("ip %s: %v, %s", line, err, out)
				}
			}
			mux, err := udpmux.Listen(udpmux.Config{})
			if err != nil {
				return err.Error()
			}
			defer mux.Close()
			port = mux.LocalAddr().Port()
			transport, err := New(Config{Mux: mux, Logger: testLogger()})
			if err != nil {
				return err.Error()
			}
			defer transport.Close()
			s, err := transport.Offer(newEnds().params("s", bob, peer.AllAddresses))
			if err != nil {
				return err.Error()
			}
			defer s.Close()
			half, err := datachannel.Parse(s.Local())
			if err != nil {
				return err.Error()
			}
			told = half.ICE.Candidates
			return ""
		}()
	}()
	if why := <-failed; why != "" {
		t.Fatal(why)
	}
	if len(told) != maxHosts {
		t.Errorf("%d are told", len(told))
	}
	for i, want := range []string{"192.168.1.7", "fd77::7"} {
		if i >= len(told) || told[i].Address != netip.AddrPortFrom(netip.MustParseAddr(want), port) {
			t.Errorf("told %+v", told)
			break
		}
	}
	for _, c := range told {
		if a := c.Address.Addr(); a.IsLinkLocalUnicast() || a.Zone() != "" || a.IsLoopback() {
			t.Errorf("told %v", a)
		}
	}
}
