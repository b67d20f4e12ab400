package story

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"godwit/netlab"
)

// LabEnv names the environment variable that says how much of the matrix is played: "full" is every pair, anything else what stands for it.
const LabEnv = "GODWIT_LAB"

// Theory is what the kinds of two NATs allow.
const (
	direct  = "direct"
	relayed = "relay"
	// guessed is direct by guessing the port of a symmetric NAT, which is a matter of chance, and else the relay.
	guessed = "direct or relay"
)

// row is a line of the table.
type row struct {
	name, theory  string
	reached       string
	first         time.Duration // until the first message was there
	usable        time.Duration // from then on, until a path between the two clients carried messages; 0 if none did
	best          time.Duration // the same for the path reached
	messages      int
	strays        int // of them by another path after the first by the path reached
	lost, doubled int
	disorder      int
	verdict       string
}

// table collects rows from cases that run side by side.
type table struct {
	mu   sync.Mutex // guards the rest
	rows []row
	at   map[string]int // place of a case in the table
}

// print writes the table to standard output, each line marked so that a program that runs the tests can find it.
func (b *table) print() {
	b.mu.Lock()
	defer b.mu.Unlock()
	slices.SortFunc(b.rows, func(x, y row) int { return cmp.Compare(b.at[x.name], b.at[y.name]) })
	line := func(text string, args ...any) { fmt.Printf("%s%s\n", TableMark, fmt.Sprintf(text, args...)) }
	line("%-52s %-15s %-8s %9s %9s %9s %5s %6s %4s %4s %4s  %s", "networks", "theory", "reached", "1st msg", "link", "best", "msgs", "strays", "lost", "dbl", "ord", "")
	seconds := func(d time.Duration) string {
		if d == 0 {
			return "-"
		}
		return fmt.Sprintf("%.3fs", d.Seconds())
	}
	for _, r := range b.rows {
		line("%-52s %-15s %-8s %9s %9s %9s %5d %6d %4d %4d %4d  %s", r.name, r.theory, r.reached, seconds(r.first), seconds(r.usable), seconds(r.best),
			r.messages, r.strays, r.lost, r.doubled, r.disorder, r.verdict)
	}
}

// TableMark begins every line of a printed table.
const TableMark = "lab| "

// scene is a case of the matrix.
type scene struct {
	name   string
	theory string
	build  func(t *testing.T, m *meeting)
	short  bool // played also where the full matrix is not
}

// Distance and loss of every home's link in the matrix: two homes are 80 ms of round trip apart, the server 40.
var farLink = netlab.Link{Delay: 20 * time.Millisecond, Jitter: 2 * time.Millisecond, Loss: 0.01}

var matrixKinds = []netlab.Kind{netlab.FullCone, netlab.Restricted, netlab.PortRestricted, netlab.PortRestrictedNoDrop, netlab.EIMNoPreserve,
	netlab.Symmetric, netlab.UDPBlocked, netlab.TCP443Only}

// theory says what two kinds allow.
func theory(a, b netlab.Kind) string {
	if a > b {
		a, b = b, a
	}
	switch {
	case b >= netlab.UDPBlocked:
		return relayed // one has no UDP at all
	case a <= netlab.Restricted:
		return direct // whatever port the other one comes from is let in
	case b == netlab.Symmetric && a == netlab.Symmetric:
		return relayed // neither port can be known
	case b == netlab.Symmetric:
		return guessed
	case a == netlab.PortRestrictedNoDrop || b == netlab.PortRestrictedNoDrop:
		return guessed // it is symmetric toward a peer whose packet came first
	}
	return direct
}

func pairs() []scene {
	var list []scene
	for i, a := range matrixKinds {
		for _, b := range matrixKinds[i:] {
			list = append(list, scene{name: a.String() + " × " + b.String(), theory: theory(a, b),
				short: a == b || b == netlab.Symmetric && a == netlab.FullCone || b == netlab.Symmetric && a == netlab.PortRestricted,
				build: func(t *testing.T, m *meeting) { m.homes(a, b, netlab.WithLink(farLink)) }})
		}
	}
	return list
}

// places are networks that are more than two homes with a NAT each.
func places() []scene {
	far := netlab.WithLink(farLink)
	together := func(opts []netlab.Option, guests ...netlab.Option) func(*testing.T, *meeting) {
		return func(_ *testing.T, m *meeting) {
			home := m.lab.AddNAT("home", netlab.PortRestricted, append(opts, far)...)
			m.homeA, m.homeB = home, home
			m.hostA, m.hostB = home.AddHost("alice", guests...), home.AddHost("bob", guests...)
		}
	}
	carrier := func(kind netlab.Kind, opts ...netlab.Option) func(*testing.T, *meeting) {
		return func(_ *testing.T, m *meeting) {
			cgn := m.lab.AddNAT("carrier", kind, append(opts, far)...)
			m.homeA, m.homeB = cgn.AddNAT("home-a", netlab.PortRestricted), cgn.AddNAT("home-b", netlab.PortRestricted)
			m.hostA, m.hostB = m.homeA.AddHost("alice"), m.homeB.AddHost("bob")
		}
	}
	double := func(carrier, home, other netlab.Kind) func(*testing.T, *meeting) {
		return func(_ *testing.T, m *meeting) {
			m.homeA = m.lab.AddNAT("carrier", carrier, far).AddNAT("home-a", home)
			m.homeB = m.lab.AddNAT("home-b", other, far)
			m.hostA, m.hostB = m.homeA.AddHost("alice"), m.homeB.AddHost("bob")
		}
	}
	six := func(a, b []netlab.Option) func(*testing.T, *meeting) {
		return func(_ *testing.T, m *meeting) {
			m.homeA, m.homeB = m.lab.AddNAT("home-a", netlab.Symmetric, far, netlab.WithIPv6()), m.lab.AddNAT("home-b", netlab.Symmetric, far, netlab.WithIPv6())
			m.hostA, m.hostB = m.homeA.AddHost("alice", a...), m.homeB.AddHost("bob", b...)
		}
	}
	mapping := func(p netlab.PortMapping) func(*testing.T, *meeting) {
		return func(_ *testing.T, m *meeting) {
			m.homeA = m.lab.AddNAT("home-a", netlab.Symmetric, far, netlab.WithPortMapping(p))
			m.homeB = m.lab.AddNAT("home-b", netlab.Symmetric, far)
			m.hostA, m.hostB = m.homeA.AddHost("alice"), m.homeB.AddHost("bob")
		}
	}
	only4, only6, both := []netlab.Option(nil), []netlab.Option{netlab.WithoutIPv4()}, []netlab.Option{netlab.WithIPv6()}
	return []scene{
		{"port restricted behind a carrier × port restricted", direct, double(netlab.PortRestricted, netlab.PortRestricted, netlab.PortRestricted), true},
		{"port restricted behind a carrier × full cone", direct, double(netlab.EIMNoPreserve, netlab.PortRestricted, netlab.FullCone), false},
		{"symmetric behind a carrier × port restricted", guessed, double(netlab.PortRestricted, netlab.Symmetric, netlab.PortRestricted), false},
		{"same carrier that hairpins", direct, carrier(netlab.EIMNoPreserve, netlab.WithHairpin()), true},
		{"same carrier without hairpin", relayed, carrier(netlab.EIMNoPreserve), false},
		{"same NAT, guests apart, hairpin", direct, together([]netlab.Option{netlab.WithHairpin()}, netlab.Isolated()), true},
		{"same NAT, guests apart, no hairpin", relayed, together(nil, netlab.Isolated()), true},
		{"same LAN", direct, together(nil), true},
		{"IPv6 on both sides, IPv4 symmetric", direct, six(both, both), true},
		{"IPv6 only × IPv6 beside symmetric IPv4", direct, six(only6, both), false},
		{"IPv6 only × IPv4 only", relayed, six(only6, only4), true},
		{"symmetric with NAT-PMP and PCP × symmetric", direct, mapping(netlab.PortMapping{NATPMP: true}), true},
		{"symmetric with UPnP × symmetric", direct, mapping(netlab.PortMapping{UPnP: true}), true},
	}
}

// TestMatrix plays a chat between every pair of networks: the first message goes at once, the path that theory allows is reached, and nothing is
// lost, doubled or out of order on the way there.
func TestMatrix(t *testing.T) {
	netlab.Require(t)
	b := &table{at: map[string]int{}}
	scenes := append(pairs(), places()...)
	for i, s := range scenes {
		b.at[s.name] = i
	}
	atOnce := make(chan struct{}, 3) // more would measure the machine
	t.Run("networks", func(t *testing.T) {
		for _, s := range scenes {
			if !s.short && os.Getenv(LabEnv) != "full" {
				continue
			}
			t.Run(strings.ReplaceAll(s.name, " ", "_"), func(t *testing.T) {
				t.Parallel()
				atOnce <- struct{}{}
				defer func() { <-atOnce }()
				b.play(t, s)
			})
		}
	})
	b.print()
}

// Bounds of a case. Nothing is concluded from how long something took but that it will not come.
const (
	pathPatience  = 20 * time.Second // for the path that must be reached
	guessPatience = 15 * time.Second // for guessing, which gives up before that
	afterwards    = 40               // messages by the path reached, each way
	talkPace      = 25 * time.Millisecond
)

func (b *table) play(t *testing.T, s scene) {
	m := newMeeting(t)
	s.build(t, m)
	m.begin(t)
	r := row{name: s.name, theory: s.theory, verdict: "FAILED"}
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.rows = append(b.rows, r)
	}()

	start := time.Now()
	m.alice.Write(t, m.bob, "hello", "hello")
	hello := m.bob.Await(t, "the first message", func(e Event) bool { return e.Event == "message" && e.Body == "hello" })
	r.first = hello.At.Sub(start)
	if hello.Path != "server" {
		t.Errorf("the first message came by %q; it must never wait for another path", hello.Path)
	}
	k := m.talk(talkPace)
	want := s.theory
	if want == guessed {
		want = direct
		if !m.await(guessPatience, direct) { // it begins on the relay
			want = relayed
		}
	}
	m.await(pathPatience, want)
	sent := k.end(t)
	for i, p := range [][2]*Person{{m.bob, m.alice}, {m.alice, m.bob}} {
		if _, err := p[0].await(time.Minute, func(e Event) bool { return e.Event == "message" && e.Body == p[1].Numbered(sent[i]-1) }); err != nil {
			t.Errorf("%s: the last message: %v", p[0].Name, err)
		}
		y := p[0].tally(p[1])
		r.messages, r.lost, r.doubled, r.disorder = r.messages+sent[i], r.lost+y.Lost(sent[i]), r.doubled+y.Doubled, r.disorder+y.Disorder
	}
	r.reached, r.strays = m.settled()
	r.usable, r.best = m.since(start, r.reached)
	if r.lost+r.doubled+r.disorder > 0 {
		t.Errorf("%d lost, %d doubled, %d out of order", r.lost, r.doubled, r.disorder)
	}
	if r.reached == "" || !strings.Contains(s.theory, r.reached) {
		t.Errorf("reached %s; theory says %s\n%s", r.reached, s.theory, m.lab)
	}
	if !t.Failed() {
		r.verdict = "ok"
	}
}

// await waits until the last messages both ways came by a path, and tells whether they did.
func (m *meeting) await(within time.Duration, path string) bool {
	deadline := time.After(within)
	for _, p := range [][2]*Person{{m.bob, m.alice}, {m.alice, m.bob}} {
		for !p[0].lately(p[1], path) {
			p[0].mu.Lock()
			more, ended := p[0].more, p[0].ended
			p[0].mu.Unlock()
			if ended {
				return false
			}
			select {
			case <-more:
			case <-deadline:
				return false
			}
		}
	}
	return true
}

// lately tells whether nearly all of the latest messages from another person came by a path: one in doubt goes by the server too, and that copy may
// be the first.
func (p *Person) lately(from *Person, path string) bool {
	told := p.Told()
	count, by := 0, 0
	for i := len(told) - 1; i >= 0 && count < afterwards; i-- {
		e := told[i]
		if _, numbered := from.Number(e.Body); e.Event != "message" || !numbered {
			continue
		}
		if e.Path == path {
			by++
		}
		count++
	}
	return by >= afterwards*9/10
}

// tally counts what a person got of another.
func (p *Person) tally(from *Person) *Tally {
	y := &Tally{}
	for _, body := range p.Bodies(from) {
		if n, ok := from.Number(body); ok {
			y.Take(n)
		}
	}
	return y
}

// settled tells which path carried most of the latest messages, and how many went by another one since it carried the first.
func (m *meeting) settled() (path string, strays int) {
	for _, way := range []string{direct, relayed, "server"} {
		if m.bob.lately(m.alice, way) && m.alice.lately(m.bob, way) {
			path = way
		}
	}
	for _, p := range [][2]*Person{{m.bob, m.alice}, {m.alice, m.bob}} {
		began := false
		for _, e := range p[0].Told() {
			if _, numbered := p[1].Number(e.Body); e.Event == "message" && numbered {
				began = began || e.Path == path
				if began && e.Path != path {
					strays++
				}
			}
		}
	}
	return path, strays
}

// since tells when, after start, any path between the clients was there, and when a certain one was. The server is always.
func (m *meeting) since(start time.Time, path string) (usable, best time.Duration) {
	for _, p := range []*Person{m.alice, m.bob} {
		for _, e := range p.Told() {
			if e.Event != "link" && e.Event != "message" || e.Path != direct && e.Path != relayed {
				continue
			}
			at := e.At.Sub(start)
			if usable == 0 || at < usable {
				usable = at
			}
			if e.Path == path && (best == 0 || at < best) {
				best = at
			}
		}
	}
	return usable, best
}
