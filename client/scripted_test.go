package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"godwit/client"
	"godwit/client/cache"
	"godwit/client/cache/memory"
	"godwit/jid"
	"godwit/link"
	"godwit/link/bytestream"
	"godwit/link/linktest"
	"godwit/sasl"
	"godwit/stanza"
	"godwit/stream"
	"godwit/xmlstream"
)

const password = "secret"

var (
	alice   = jid.MustParse("alice@localhost")
	aliceR  = jid.MustParse("alice@localhost/r")
	bob     = jid.MustParse("bob@localhost")
	bobR    = jid.MustParse("bob@localhost/r")
	mallory = jid.MustParse("mallory@localhost/evil")
)

// scripted is a server that does what a test says, and no more: it signs alice in
// and answers the questions every session begins with.
type scripted struct {
	t        *testing.T
	features []string // of the account
	identity string   // of the account, as an element
	roster   string   // items
	archive  []string // <message>s, ids 1, 2 …
	noResume bool
	quiet    map[string]bool // payload namespaces of requests that are not answered
	lie      func(*scripted, *stanza.Stanza) bool

	keys map[sasl.Hash]sasl.Credentials

	mu       sync.Mutex
	refuse   error
	dials    []time.Time
	pipes    []*mutePipe
	stream   *stream.Stream
	got      []*stanza.Stanza
	more     chan struct{}
	sessions int
	parked   map[string]*stream.Management
}

func newScripted(t *testing.T) *scripted {
	return &scripted{t: t, keys: keys(), more: make(chan struct{}),
		features: []string{"urn:xmpp:mam:2", "urn:xmpp:sid:0", "urn:godwit:deposit:0"},
		roster:   `<item jid='bob@localhost' subscription='both'/>`, quiet: map[string]bool{}, parked: map[string]*stream.Management{}}
}

// keys takes a moment to derive.
var keys = sync.OnceValue(func() map[sasl.Hash]sasl.Credentials {
	k, err := sasl.NewCredentials(password)
	if err != nil {
		panic(err)
	}
	return k
})

// Lookup implements stream.Authenticator.
func (s *scripted) Lookup(context.Context, string, string) (map[sasl.Hash]sasl.Credentials, error) {
	return s.keys, nil
}

// Bind, EnableSM and Resume implement stream.Binder.
func (s *scripted) Bind(context.Context, stream.BindRequest) (stream.Bound, error) {
	return stream.Bound{JID: aliceR}, nil
}

func (s *scripted) EnableSM(context.Context, *stream.Stream, stream.SMRequest) (stream.SMGrant, error) {
	if s.noResume {
		return stream.SMGrant{}, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions++
	return stream.SMGrant{ID: fmt.Sprintf("session-%d", s.sessions)}, nil
}

func (s *scripted) Resume(_ context.Context, _ *stream.Stream, previd string) (stream.Resumed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.parked[previd]
	if m == nil {
		return stream.Resumed{}, &stream.ResumeError{}
	}
	delete(s.parked, previd)
	return stream.Resumed{JID: aliceR, Management: m}, nil
}

// Dial implements link.Dialer.
func (s *scripted) Dial(context.Context, string) (link.Link, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dials = append(s.dials, time.Now())
	if s.refuse != nil {
		return nil, s.refuse
	}
	x, y := net.Pipe()
	one, two := &mutePipe{Conn: x}, &mutePipe{Conn: y}
	s.pipes = append(s.pipes, one, two)
	info := link.TLSInfo{Version: "TLS 1.3", PeerVerified: true}
	a := &linktest.Secured{Link: bytestream.New(one, linktest.Options{}.Config()), Info: info}
	b := &linktest.Secured{Link: bytestream.New(two, linktest.Options{}.Config()), Info: info}
	go s.serve(b)
	return a, nil
}

func (s *scripted) serve(l link.Link) {
	st, err := stream.Accept(context.Background(), l, &stream.ServerConfig{
		Domain: jid.MustParse("localhost"), Authenticator: s, Binder: s, DecoySecret: make([]byte, 32),
	})
	if err != nil {
		return
	}
	s.mu.Lock()
	s.stream = st
	s.wake()
	s.mu.Unlock()
	for {
		e, err := st.Read()
		if err != nil {
			s.mu.Lock()
			if s.stream == st {
				s.stream = nil
			}
			if m := st.Detach(); m != nil {
				s.parked[fmt.Sprintf("session-%d", s.sessions)] = m
			}
			s.mu.Unlock()
			return
		}
		if e.Kind != stream.StanzaEvent {
			continue
		}
		st.Handled(e.Seq)
		s.mu.Lock()
		s.got = append(s.got, e.Stanza)
		s.wake()
		s.mu.Unlock()
		s.answer(st, e.Stanza)
	}
}

func (s *scripted) wake() {
	close(s.more)
	s.more = make(chan struct{})
}

// answer answers what every session asks.
func (s *scripted) answer(st *stream.Stream, q *stanza.Stanza) {
	if q.Kind != stanza.IQ || q.Type != stanza.Get && q.Type != stanza.Set {
		return
	}
	name, _ := q.Payload()
	if s.quiet[name.Space] || s.lie != nil && s.lie(s, q) {
		return
	}
	n, _ := q.PayloadNode()
	reply := ""
	switch name.Space {
	case "http://jabber.org/protocol/disco#info":
		if q.To != alice {
			break
		}
		for _, f := range s.features {
			reply += "<feature var='" + f + "'/>"
		}
		reply = "<query xmlns='http://jabber.org/protocol/disco#info'>" + s.identity + reply + "</query>"
	case "jabber:iq:roster":
		if q.Type == stanza.Get {
			reply = "<query xmlns='jabber:iq:roster'>" + s.roster + "</query>"
		}
	case "urn:xmpp:mam:2":
		reply = s.page(st, n)
	}
	s.send(fmt.Sprintf(`<iq xmlns='jabber:client' type='result' id='%s' from='%s' to='%s'>%s</iq>`, q.ID, orAlice(q.To), aliceR, reply))
}

func orAlice(j jid.JID) jid.JID {
	if j.IsZero() {
		return alice
	}
	return j
}

// page sends what follows the position asked for, and gives the <fin/>.
func (s *scripted) page(st *stream.Stream, q xmlstream.Node) string {
	set, _ := q.Child("http://jabber.org/protocol/rsm", "set")
	after, _ := set.Child("http://jabber.org/protocol/rsm", "after")
	from := 0
	_, _ = fmt.Sscan(after.InnerText(), &from)
	last := ""
	for i, m := range s.archive {
		if i+1 <= from {
			continue
		}
		last = fmt.Sprint(i + 1)
		s.send(result(q.Attr("queryid"), last, m))
	}
	set2 := "<set xmlns='http://jabber.org/protocol/rsm'/>"
	if last != "" {
		set2 = "<set xmlns='http://jabber.org/protocol/rsm'><first>" + fmt.Sprint(from+1) + "</first><last>" + last + "</last></set>"
	}
	return "<fin xmlns='urn:xmpp:mam:2' complete='true'>" + set2 + "</fin>"
}

// result is one archived message.
func result(query, id, message string) string {
	return fmt.Sprintf(`<message xmlns='jabber:client' from='%s' to='%s'><result xmlns='urn:xmpp:mam:2' queryid='%s' id='%s'>`+
		`<forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2026-01-02T03:04:05Z'/>%s</forwarded></result></message>`,
		alice, aliceR, query, id, message)
}

// send writes stanzas to the client.
func (s *scripted) send(xml string) {
	s.t.Helper()
	el, err := xmlstream.ParseElement([]byte(xml), xmlstream.DefaultLimits())
	if err != nil {
		s.t.Fatalf("%v in %s", err, xml)
	}
	st, err := stanza.FromElement(&el)
	if st == nil {
		s.t.Fatalf("%v in %s", err, xml)
	}
	s.mu.Lock()
	to := s.stream
	s.mu.Unlock()
	if to == nil {
		s.t.Fatal("nobody is signed in")
	}
	if err := to.Send(st); err != nil {
		s.t.Fatal(err)
	}
}

// cut breaks the connection.
func (s *scripted) cut() {
	s.mu.Lock()
	st := s.stream
	s.mu.Unlock()
	if st != nil {
		st.Abort()
	}
}

// expect waits for a stanza the client sends, from the beginning.
func (s *scripted) expect(what string, f func(*stanza.Stanza) bool) *stanza.Stanza {
	s.t.Helper()
	timeout := time.After(5 * time.Minute)
	at := 0
	for {
		s.mu.Lock()
		for ; at < len(s.got); at++ {
			if f(s.got[at]) {
				defer s.mu.Unlock()
				return s.got[at]
			}
		}
		more := s.more
		s.mu.Unlock()
		select {
		case <-more:
		case <-timeout:
			s.t.Fatalf("the client sent no %s", what)
		}
	}
}

// sent counts stanzas of the client.
func (s *scripted) sent(f func(*stanza.Stanza) bool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, st := range s.got {
		if f(st) {
			n++
		}
	}
	return n
}

// user is a client under test and what it told.
type user struct {
	t     *testing.T
	c     *client.Client
	cache cache.Cache
	ended chan error

	mu   sync.Mutex
	told []client.Event
	more chan struct{}
}

// start runs a client against s, inside a synctest bubble.
func start(t *testing.T, s *scripted, tune ...func(*client.Config)) *user {
	t.Helper()
	cfg := client.Config{JID: alice, Password: password, Dialer: s, Cache: memory.New(),
		Software: client.Software{Name: "Godwit", Version: "0.1", OS: "test"}}
	for _, f := range tune {
		f(&cfg)
	}
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	u := &user{t: t, c: c, cache: cfg.Cache, ended: make(chan error, 1), more: make(chan struct{})}
	go func() { u.ended <- c.Run(context.Background()) }()
	go func() {
		for e := range c.Events() {
			u.mu.Lock()
			u.told = append(u.told, e)
			close(u.more)
			u.more = make(chan struct{})
			u.mu.Unlock()
		}
	}()
	return u
}

// stop ends the client and everything else in the bubble.
func (u *user) stop() {
	_ = u.c.Close()
	_ = u.cache.Close()
	synctest.Wait()
}

// tell waits for an event, from the beginning.
func tell[E client.Event](u *user, what string, f func(E) bool) E {
	u.t.Helper()
	timeout := time.After(5 * time.Minute)
	at := 0
	for {
		u.mu.Lock()
		for ; at < len(u.told); at++ {
			if e, ok := u.told[at].(E); ok && f(e) {
				u.mu.Unlock()
				return e
			}
		}
		more := u.more
		u.mu.Unlock()
		select {
		case <-more:
		case <-timeout:
			u.t.Fatalf("no %s was told; told: %+v", what, u.told)
		}
	}
}

// all returns the events of one kind, once everything is at rest.
func all[E client.Event](u *user) []E {
	synctest.Wait()
	u.mu.Lock()
	defer u.mu.Unlock()
	var out []E
	for _, e := range u.told {
		if e, ok := e.(E); ok {
			out = append(out, e)
		}
	}
	return out
}

// ready waits until the session has begun in full: presence was told.
func (u *user) ready(s *scripted) {
	u.t.Helper()
	s.expect("presence", func(st *stanza.Stanza) bool { return st.Kind == stanza.Presence && st.Type == stanza.Available })
	synctest.Wait()
}

func bodies(ms []client.Message) string {
	var b []string
	for _, m := range ms {
		b = append(b, m.Body)
	}
	return strings.Join(b, " ")
}

var errNetwork = errors.New("no network")

// withStanzaID adds the id the account's archive gave a message.
func withStanzaID(xml, id string) string {
	return strings.Replace(xml, "</message>", "<stanza-id xmlns='urn:xmpp:sid:0' id='"+id+"' by='alice@localhost'/></message>", 1)
}

// forget begins a new record of what the client sends.
func (s *scripted) forget() {
	s.mu.Lock()
	s.got = nil
	s.mu.Unlock()
}

// requestAck asks the client to acknowledge.
func (s *scripted) requestAck() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stream.RequestAck()
}

// unacked is how many stanzas the client has not acknowledged.
func (s *scripted) unacked() int {
	s.requestAck()
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	n, _ := s.stream.Unacked()
	return n
}

// deafen makes the server say nothing any more, as behind a dead router.
func (s *scripted) deafen() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.pipes {
		p.mute()
	}
}

// mutePipe is a connection that can go dead in both directions.
type mutePipe struct {
	net.Conn
	mu   sync.Mutex
	dead bool
}

func (p *mutePipe) mute() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dead = true
}

func (p *mutePipe) Write(b []byte) (int, error) {
	p.mu.Lock()
	dead := p.dead
	p.mu.Unlock()
	if dead {
		return len(b), nil
	}
	return p.Conn.Write(b)
}

// slowCache is a cache whose writes can be held up, or fail.
type slowCache struct {
	cache.Cache
	mu   sync.Mutex
	gate chan struct{}
	err  error
}

func (c *slowCache) hold() (release func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	gate := make(chan struct{})
	c.gate = gate
	return func() { close(gate) }
}

func (c *slowCache) fail(err error) {
	c.mu.Lock()
	c.err = err
	c.mu.Unlock()
}

func (c *slowCache) Commit(b cache.Batch, done func(cache.Result, error)) error {
	c.mu.Lock()
	gate, err := c.gate, c.err
	c.mu.Unlock()
	if gate != nil {
		go func() {
			<-gate
			_ = c.Cache.Commit(b, done)
		}()
		return nil
	}
	if err != nil && len(b.Add) > 0 {
		go done(cache.Result{}, err)
		return nil
	}
	return c.Cache.Commit(b, done)
}
