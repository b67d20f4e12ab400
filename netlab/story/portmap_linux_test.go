package story

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"godwit/netlab"
)

// TestPortMapping: two people behind symmetric NATs, where nothing direct is possible, unless the router of one maps a port when asked. Whoever
// has the mapping leaves in different ways, and the router must have forgotten it afterwards.
func TestPortMapping(t *testing.T) {
	netlab.RequirePortMapping(t)
	for _, c := range []struct {
		name  string
		speak netlab.PortMapping
		leave func(*testing.T, *Person)
	}{
		{"PCP and NAT-PMP, quit", netlab.PortMapping{NATPMP: true}, func(t *testing.T, p *Person) { p.Quit(t) }},
		{"UPnP, SIGTERM", netlab.PortMapping{UPnP: true}, func(t *testing.T, p *Person) {
			if err := p.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			<-p.Done()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMeeting(t)
			m.homeA, m.homeB = m.lab.AddNAT("home-a", netlab.Symmetric, netlab.WithPortMapping(c.speak)), m.lab.AddNAT("home-b", netlab.Symmetric)
			m.hostA, m.hostB = m.homeA.AddHost("alice"), m.homeB.AddHost("bob")
			m.begin(t)
			began := time.Now()
			talk := m.talk(200 * time.Millisecond)
			for _, p := range [][2]*Person{{m.alice, m.bob}, {m.bob, m.alice}} {
				p[0].Until(t, "a direct link", patience, func(all []Event) bool {
					for _, e := range all {
						if e.Event == "link" && e.State == "up" && e.Path == "direct" && strings.HasPrefix(e.Peer, p[1].Account) {
							return true
						}
					}
					return false
				})
			}
			t.Logf("direct %v after the first message", time.Since(began).Round(time.Millisecond))
			if rules := mappings(t, m.homeA); len(rules) == 0 {
				t.Error("direct without a mapping")
			}
			sent := talk.end(t)
			m.alice.ExpectNumbered(t, m.bob, sent[1], patience)
			m.bob.ExpectNumbered(t, m.alice, sent[0], patience)
			left := time.Now()
			c.leave(t, m.alice)
			t.Logf("left in %v", time.Since(left).Round(time.Millisecond))
			if rules := mappings(t, m.homeA); len(rules) != 0 {
				t.Errorf("the router still has %q", rules)
			}
		})
	}
}

// mappings lists what a router was asked to let in.
func mappings(t *testing.T, n *netlab.NAT) []string {
	t.Helper()
	var out []byte
	if err := n.Do(func() (err error) {
		out, err = exec.Command("nft", "list", "chain", "inet", "lab_mapper", "translated").CombinedOutput()
		return err
	}); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var rules []string
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "dport") {
			rules = append(rules, strings.TrimSpace(line))
		}
	}
	return rules
}
