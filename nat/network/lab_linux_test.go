package network

import (
	"os"
	"strings"
	"testing"
	"time"

	"godwit/netlab"
	"godwit/netlab/proc"
)

// TestLab watches a machine with two uplinks: they go down and up, get another
// address, and containers come and go meanwhile.
func TestLab(t *testing.T) {
	lab := netlab.New(t)
	home := lab.AddNAT("home", netlab.PortRestricted)
	cafe := lab.AddNAT("cafe", netlab.PortRestricted)
	host := home.AddHost("host")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := host.StartSpec(t, proc.Spec{Path: self, Env: []string{childVariable + "=1"}})
	expect := func(what string, parts ...string) {
		t.Helper()
		began := time.Now()
		line := p.Expect(20*time.Second, what, proc.Contains("change "))
		for _, part := range parts {
			if !strings.Contains(line, part) {
				t.Errorf("%s: %q does not have %q", what, line, part)
			}
		}
		t.Logf("%s after %v: %s", what, time.Since(began).Round(time.Millisecond), line)
	}
	expect("the beginning", "["+host.Addr().String()+"]", home.LAN().String())
	// What concerns nobody must not be told: the next line has to be the uplink's.
	ip := func(args ...string) {
		t.Helper()
		if out, err := host.Command(t.Context(), "ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %v: %v: %s", args, err, out)
		}
	}
	for range 3 {
		ip("link", "add", "docker0", "type", "bridge")
		ip("addr", "add", "172.17.0.1/16", "dev", "docker0")
		ip("link", "add", "veth7", "type", "veth", "peer", "name", "veth8")
		ip("link", "set", "veth7", "master", "docker0", "up")
		ip("link", "set", "veth8", "up")
		ip("link", "set", "docker0", "up")
		ip("link", "del", "veth7")
		ip("link", "del", "docker0")
	}
	second := host.Join(cafe)
	expect("a second uplink", host.Addr().String(), second.Addr().String())
	second.Prefer()
	expect("it is preferred", "["+second.Addr().String(), cafe.LAN().String())
	first := host.Uplinks()[0]
	first.Down()
	expect("the first goes down", "["+second.Addr().String()+"]")
	second.Renumber()
	expect("another address", second.Addr().String())
	first.Up()
	expect("the first comes back", first.Addr().String(), second.Addr().String())
}
