package stream_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"godwit/jid"
	"godwit/link"
	"godwit/link/linktest"
	"godwit/sasl"
	"godwit/stanza"
	"godwit/stream"
	"godwit/xep/archive"
	"godwit/xmlstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	domain = jid.MustParse("b.example")
	alice  = jid.MustParse("alice@b.example")
	secret = []byte("a secret of sixteen bytes or more")
)

const password = "correct horse"

// keys are alice's; deriving them is slow, so it is done once.
var keys = sync.OnceValue(func() map[sasl.Hash]sasl.Credentials {
	all := make(map[sasl.Hash]sasl.Credentials)
	for _, h := range sasl.Hashes() {
		c, err := sasl.Derive(h, password, []byte("salt of alice"), sasl.MinIterations)
		if err != nil {
			panic(err)
		}
		all[h] = c
	}
	return all
})

// registry is the server above: it binds resources, keeps sessions and finds
// them again.
type registry struct {
	mu       sync.Mutex
	n        int
	sessions map[string]*session // by SM-ID
	binds    []stream.BindRequest
	onBind   func(r stream.BindRequest) error
	onResume func(s *stream.Stream)
	last     *stream.Stream
	refuseSM bool
}

type session struct {
	jid jid.JID
	s   *stream.Stream     // while attached
	m   *stream.Management // while not
}

func (r *registry) Lookup(_ context.Context, domain, user string) (map[sasl.Hash]sasl.Credentials, error) {
	switch user {
	case "alice":
		return keys(), nil
	case "broken":
		return nil, errors.New("the database is on fire")
	case "disabled":
		return keys(), &sasl.Error{Condition: sasl.AccountDisabled}
	}
	return nil, nil
}

func (r *registry) Bind(_ context.Context, q stream.BindRequest) (stream.Bound, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.binds = append(r.binds, q)
	r.last = q.Stream
	if r.onBind != nil {
		if err := r.onBind(q); err != nil {
			return stream.Bound{}, err
		}
	}
	r.n++
	res := q.Resource
	if res == "" {
		res = fmt.Sprintf("%s.%d", q.Tag, r.n)
	}
	j, err := q.Stream.Peer().Account.WithResource(res)
	if err != nil {
		return stream.Bound{}, stanza.ErrBadRequest()
	}
	return stream.Bound{JID: j, Metadata: &archive.Metadata{}}, nil
}

func (r *registry) EnableSM(_ context.Context, s *stream.Stream, q stream.SMRequest) (stream.SMGrant, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuseSM {
		return stream.SMGrant{}, stanza.ErrResourceConstraint()
	}
	if !q.Resume {
		return stream.SMGrant{}, nil
	}
	if r.sessions == nil {
		r.sessions = make(map[string]*session)
	}
	id := stream.NewResumeID()
	r.sessions[id] = &session{jid: s.Peer().JID, s: s}
	return stream.SMGrant{ID: id, Max: 5 * time.Minute}, nil
}

func (r *registry) Resume(_ context.Context, s *stream.Stream, previd string) (stream.Resumed, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ses := r.sessions[previd]
	if ses == nil {
		return stream.Resumed{}, &stream.ResumeError{HasH: previd == "known", H: 7}
	}
	if ses.jid.Bare() != s.Peer().Account {
		return stream.Resumed{}, &stream.ResumeError{}
	}
	if ses.s != nil {
		ses.m = ses.s.Detach()
		ses.s.Close(&stream.Error{Condition: stream.Conflict, Text: "resumed elsewhere"})
	}
	ses.s, r.last = s, s
	if r.onResume != nil {
		r.onResume(s)
	}
	return stream.Resumed{JID: ses.jid, Management: ses.m}, nil
}

func serverConfig(r *registry) *stream.ServerConfig {
	return &stream.ServerConfig{
		Domain: domain, Serves: func(d jid.JID) bool { return d.String() == "d.example" }, Authenticator: r, Binder: r, DecoySecret: secret, AllowPlain: true,
		Features: func(p *stream.Peer, e *xmlstream.Encoder) { e.Leaf("urn:example:feature", "extra", p.JID.Resource()) },
	}
}

func clientConfig() *stream.ClientConfig {
	return &stream.ClientConfig{
		JID: alice, Password: password, AllowPlain: true,
		UserAgent: stream.UserAgent{ID: "d4565fa7-4d72-4749-b3d3-740edbf87770", Software: "Godwit", Device: "test"},
		Tag:       "Godwit", Carbons: true,
	}
}

// ends are both ends of one stream.
type ends struct {
	client, server *stream.Stream
	session        *stream.ClientSession
	clientErr      error
	serverErr      error
	// in is what the server reads, from the end of its negotiation on: a client
	// may still have something to ask. ended is how reading ended.
	in    chan stream.Event
	ended chan error
}

// join lets a client sign in to a server over a and b.
func join(t testing.TB, a, b link.Link, cc *stream.ClientConfig, sc *stream.ServerConfig) ends {
	t.Helper()
	var e ends
	var wg sync.WaitGroup
	wg.Go(func() {
		if e.server, e.serverErr = stream.Accept(context.Background(), b, sc); e.serverErr == nil {
			e.in, e.ended = pump(e.server)
		}
	})
	e.client, e.session, e.clientErr = stream.Connect(context.Background(), a, cc)
	wg.Wait()
	t.Cleanup(func() {
		for _, l := range []link.Link{a, b} {
			l.Abort()
			<-l.Done()
		}
	})
	return e
}

// pipe joins two ends: by a stream of bytes, or by messages (TestOverMessages).
var pipe = linktest.SecurePipe

func joinSecure(t testing.TB, cc *stream.ClientConfig, sc *stream.ServerConfig) ends {
	t.Helper()
	a, b := pipe(linktest.Options{})
	e := join(t, a, b, cc, sc)
	if e.clientErr != nil || e.serverErr != nil {
		t.Fatalf("client: %v\nserver: %v", e.clientErr, e.serverErr)
	}
	return e
}

func message(body string) *stanza.Stanza {
	return stanza.Build(stanza.Message, stanza.Chat, jid.MustParse("bob@b.example"), jid.JID{}, body,
		func(e *xmlstream.Encoder) { e.Leaf("jabber:client", "body", body) })
}

// next reads the next event of a kind.
func next(t testing.TB, s *stream.Stream, kind stream.EventKind) stream.Event {
	t.Helper()
	e, err := s.Read()
	if err != nil || e.Kind != kind {
		t.Fatalf("read an event of kind %d, %v instead of %d", e.Kind, err, kind)
	}
	return e
}

func nextBody(t testing.TB, s *stream.Stream, want string) uint64 {
	t.Helper()
	e := next(t, s, stream.StanzaEvent)
	if got := e.Stanza.Body(); got != want {
		t.Fatalf("read %q instead of %q", got, want)
	}
	return e.Seq
}

// pump reads one end until it fails, and tells how, so that answers flow.
func pump(s *stream.Stream) (events chan stream.Event, failed chan error) {
	events, failed = make(chan stream.Event, 10000), make(chan error, 1)
	go func() {
		defer close(events)
		for {
			e, err := s.Read()
			if err != nil {
				failed <- err
				return
			}
			if e.Kind == stream.AckedEvent {
				e.Acked = append([]stream.Sent(nil), e.Acked...)
			}
			events <- e
		}
	}()
	return events, failed
}

// careless hands out any session.
type careless struct{ *registry }

func (c careless) Resume(_ context.Context, s *stream.Stream, previd string) (stream.Resumed, error) {
	ses := c.sessions[previd]
	return stream.Resumed{JID: ses.jid, Management: ses.m}, nil
}

// untilEnd reads until reading fails.
func untilEnd(s *stream.Stream) error {
	for {
		if _, err := s.Read(); err != nil {
			return err
		}
	}
}
