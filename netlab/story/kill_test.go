package story

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// KillsEnv names the environment variable that says how often the server is killed.
const KillsEnv = "GODWIT_KILLS"

// TestKill9UnderTraffic kills the server again and again while two people write to each other by it. Whatever it acknowledged arrives, once and
// in order, and its database stays sound.
func TestKill9UnderTraffic(t *testing.T) {
	kills := 100
	if testing.Short() {
		kills = 10
	}
	if s := os.Getenv(KillsEnv); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		kills = n
	}
	s := StartServer(t, Loopback, "127.0.0.1")
	for _, account := range []string{"alice@localhost", "bob@localhost"} {
		s.AddAccount(t, account)
	}
	alice := SignIn(t, Loopback, s, "alice@localhost", t.TempDir(), "--route", "server")
	bob := SignIn(t, Loopback, s, "bob@localhost", t.TempDir(), "--route", "server")
	Befriend(t, alice, bob)
	people := [][2]*Person{{alice, bob}, {bob, alice}}
	n := 0
	burst := func(count int) {
		for range count {
			for _, p := range people {
				p[0].Write(t, p[1], fmt.Sprintf("%s-%d", p[0].Name, n), p[0].Numbered(n))
			}
			n++
		}
	}
	acknowledged := func(p *Person) int {
		count := 0
		for _, e := range p.Told() {
			if e.Event == "sent" && e.Path == "server" {
				count++
			}
		}
		return count
	}
	for kill := range kills {
		before := acknowledged(alice)
		burst(5)
		// The kill comes at another point of the burst's way each time: after none, one, two … of it were acknowledged.
		want := before + kill%6
		alice.Until(t, fmt.Sprintf("acknowledgement %d before kill %d", want, kill), time.Minute, func([]Event) bool { return acknowledgedAtLeast(alice, want) })
		burst(3)
		s.Kill9()
		burst(2)
		s.Restart(t)
		for _, p := range people {
			p[0].Do(t, map[string]any{"cmd": "network"})
		}
	}
	for _, p := range people {
		p[1].ExpectNumbered(t, p[0], n, 2*time.Minute)
	}
	t.Logf("%d kills, %d messages each way, of which %d and %d were acknowledged by the server at the time", kills, n, acknowledged(alice), acknowledged(bob))
	alice.Quit(t)
	bob.Quit(t)
	s.Kill9()
	checkDatabase(t, s)
}

func acknowledgedAtLeast(p *Person, n int) bool {
	for _, e := range p.Told() {
		if e.Event == "sent" && e.Path == "server" {
			n--
		}
	}
	return n <= 0
}

// checkDatabase opens the server's data once more, as any start does, and lets the program list what is in it.
func checkDatabase(t *testing.T, s *Server) {
	t.Helper()
	out, err := exec.Command(Binary(t), "user", "list", "--data", s.Data).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "alice@localhost") || !strings.Contains(string(out), "bob@localhost") {
		t.Fatalf("the data is damaged: %v\n%s", err, out)
	}
}
