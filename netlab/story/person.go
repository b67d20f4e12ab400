package story

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"godwit/netlab/proc"
)

// Event is a line of `godwit headless`, with the fields the tests look at.
type Event struct {
	Event     string `json:"event"`
	JID       string `json:"jid"`
	ID        string `json:"id"`
	From      string `json:"from"`
	To        string `json:"to"`
	Body      string `json:"body"`
	Path      string `json:"path"`
	Peer      string `json:"peer"`
	State     string `json:"state"`
	Reason    string `json:"reason"`
	Local     string `json:"local"`
	Remote    string `json:"remote"`
	Message   string `json:"message"`
	Client    string `json:"client"`
	Available bool   `json:"available"`
	Direct    bool   `json:"direct"`
	History   bool   `json:"history"`
	Resumed   bool   `json:"resumed"`
	Items     []struct {
		JID          string `json:"jid"`
		Subscription string `json:"subscription"`
	} `json:"items"`

	Line string    `json:"-"`
	At   time.Time `json:"-"`
}

// Person is a running `godwit headless`, with everything it told so far. One goroutine reads its output; the rest belongs to the test.
type Person struct {
	*proc.Process
	Name, Account string

	watch Watched // called by the reading goroutine

	mu     sync.Mutex // guards the rest
	events []Event
	more   chan struct{}
	ended  bool
	taken  int // Await has looked at events[:taken]
}

// Watched makes a client whose events also go to a function, in their order and on one goroutine, before anybody else sees them. If that returns
// false the event is forgotten afterwards, so that a long test does not keep what it has counted.
type Watched func(Event) (keep bool)

// SignIn starts a client of an account and waits until it is online. data is its directory, so that it can come back; more are further flags.
func SignIn(t testing.TB, place Place, s *Server, account, data string, more ...string) *Person {
	t.Helper()
	p := Launch(t, place, s, account, data, more...)
	p.Await(t, "online", func(e Event) bool { return e.Event == "online" })
	return p
}

// Launch is SignIn without the waiting.
func Launch(t testing.TB, place Place, s *Server, account, data string, more ...string) *Person {
	t.Helper()
	return Watched(func(Event) bool { return true }).Launch(t, place, s, account, data, more...)
}

// Launch starts a client that is watched. If more names no --server, it is the server's listener c2s.
func (w Watched) Launch(t testing.TB, place Place, s *Server, account, data string, more ...string) *Person {
	t.Helper()
	name, _, _ := strings.Cut(account, "@")
	args := append([]string{"headless", account, "--ca", s.CA(), "--data", data}, more...)
	if !slices.Contains(more, "--server") {
		args = append(args, "--server", s.Addr("c2s"))
	}
	p := &Person{Name: name, Account: account, more: make(chan struct{}), watch: w}
	p.Process = place.StartSpec(t, proc.Spec{Name: name, Path: Binary(t), Args: args, Env: []string{"GODWIT_PASSWORD=" + password(account)}, Keep: remarkable})
	go p.read()
	return p
}

// remarkable keeps the numbered messages of a long talk out of failure reports.
func remarkable(line string) bool {
	return !strings.HasPrefix(line, `{"event":"message"`) && !strings.HasPrefix(line, `{"event":"sent"`) && !strings.HasPrefix(line, `{"event":"delivered"`)
}

func (p *Person) read() {
	for line := range p.Lines() {
		e := Event{Line: line, At: time.Now()}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			e = Event{Event: "garbage", Line: line}
		}
		if p.watch(e) {
			p.add(&e)
		}
	}
	p.add(nil)
}

func (p *Person) add(e *Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e != nil {
		p.events = append(p.events, *e)
	} else {
		p.ended = true
	}
	close(p.more)
	p.more = make(chan struct{})
}

// Await returns the first event that matches among those no Await has looked at, and ends the test if none comes.
func (p *Person) Await(t testing.TB, what string, match func(Event) bool) Event {
	t.Helper()
	e, err := p.await(patience, match)
	if err != nil {
		t.Fatalf("%s: waited for %s: %v", p.Name, what, err)
	}
	return e
}

func (p *Person) await(within time.Duration, match func(Event) bool) (Event, error) {
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	for {
		p.mu.Lock()
		for p.taken < len(p.events) {
			e := p.events[p.taken]
			p.taken++
			if match(e) {
				p.mu.Unlock()
				return e, nil
			}
		}
		more, ended := p.more, p.ended
		p.mu.Unlock()
		if ended {
			return Event{}, fmt.Errorf("the client ended")
		}
		select {
		case <-more:
		case <-deadline.C:
			return Event{}, fmt.Errorf("nothing within %s", within)
		}
	}
}

// Until waits until all that was told so far and is told from now on satisfies enough, looking at every event from the beginning.
func (p *Person) Until(t testing.TB, what string, within time.Duration, enough func([]Event) bool) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	for {
		p.mu.Lock()
		all, more, ended := slices.Clone(p.events), p.more, p.ended
		p.mu.Unlock()
		if enough(all) {
			return
		}
		if ended {
			t.Fatalf("%s: the client ended before %s", p.Name, what)
		}
		select {
		case <-more:
		case <-deadline.C:
			t.Fatalf("%s: not within %s: %s", p.Name, within, what)
		}
	}
}

// Told is everything told so far.
func (p *Person) Told() []Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.events)
}

// Do sends a command.
func (p *Person) Do(t testing.TB, command map[string]any) {
	t.Helper()
	if err := p.Try(command); err != nil {
		t.Fatalf("%s: %v", p.Name, err)
	}
}

// Try is Do from any goroutine.
func (p *Person) Try(command map[string]any) error {
	line, err := json.Marshal(command)
	if err != nil {
		return err
	}
	return p.Send(string(line))
}

// Write sends a message.
func (p *Person) Write(t testing.TB, to *Person, id, body string) {
	t.Helper()
	p.Do(t, map[string]any{"cmd": "send", "to": to.Account, "id": id, "body": body})
}

// Quit ends the client in order.
func (p *Person) Quit(t testing.TB) {
	t.Helper()
	p.Do(t, map[string]any{"cmd": "quit"})
	<-p.Done()
	if p.ExitCode() != 0 {
		t.Fatalf("%s: exit code %d", p.Name, p.ExitCode())
	}
}

// Befriend makes two people mutual contacts who see each other online.
func Befriend(t testing.TB, a, b *Person) {
	t.Helper()
	a.Do(t, map[string]any{"cmd": "subscribe", "jid": b.Account})
	b.Await(t, "the request", func(e Event) bool { return e.Event == "subscription" && e.From == a.Account })
	b.Do(t, map[string]any{"cmd": "accept", "jid": a.Account})
	for _, p := range [][2]*Person{{a, b}, {b, a}} {
		p[0].Until(t, "the contact is online and can talk directly", patience, func(all []Event) bool {
			return slices.ContainsFunc(all, func(e Event) bool {
				return e.Event == "presence" && e.Available && e.Direct && strings.HasPrefix(e.From, p[1].Account)
			})
		})
	}
}

// Bodies are the bodies of the messages a person got from another, in the order told.
func (p *Person) Bodies(from *Person) []string {
	var out []string
	for _, e := range p.Told() {
		if e.Event == "message" && !e.History && strings.HasPrefix(e.From, from.Account) {
			out = append(out, e.Body)
		}
	}
	return out
}

// LinkUp waits until a direct link to another person has come up, and returns the event of the last that has. It looks at everything told
// so far.
func (p *Person) LinkUp(t testing.TB, other *Person) Event { return p.LinkUps(t, other, 1) }

// LinkUps is LinkUp for the n-th link, counted from 1.
func (p *Person) LinkUps(t testing.TB, other *Person, n int) Event {
	t.Helper()
	var last Event
	p.Until(t, fmt.Sprintf("direct link %d to %s", n, other.Name), patience, func(all []Event) bool {
		count := 0
		for _, e := range all {
			if e.Event == "link" && e.State == "up" && strings.HasPrefix(e.Peer, other.Account) {
				count++
				last = e
			}
		}
		return count >= n
	})
	return last
}

// Numbered is the body of the i-th message from a person.
func (p *Person) Numbered(i int) string { return fmt.Sprintf("%s %d", p.Name, i) }

// ExpectNumbered waits until p has got messages 0 to n-1 of another person and checks that they came once and in order.
func (p *Person) ExpectNumbered(t testing.TB, other *Person, n int, within time.Duration) {
	t.Helper()
	p.Until(t, fmt.Sprintf("message %d from %s", n-1, other.Name), within, func(all []Event) bool {
		return slices.ContainsFunc(all, func(e Event) bool { return e.Event == "message" && e.Body == other.Numbered(n-1) })
	})
	i := 0
	for _, body := range p.Bodies(other) {
		if !strings.HasPrefix(body, other.Name+" ") {
			continue
		}
		if body != other.Numbered(i) {
			t.Fatalf("%s got %q where %q was due: lost, doubled or out of order", p.Name, body, other.Numbered(i))
		}
		i++
	}
	if i != n {
		t.Fatalf("%s got %d numbered messages from %s, not %d", p.Name, i, other.Name, n)
	}
}

// Paths counts the numbered messages of another person by the path they took.
func (p *Person) Paths(other *Person) map[string]int {
	paths := map[string]int{}
	for _, e := range p.Told() {
		if e.Event == "message" && !e.History && strings.HasPrefix(e.Body, other.Name+" ") {
			paths[e.Path]++
		}
	}
	return paths
}
