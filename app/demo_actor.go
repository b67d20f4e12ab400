package app

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"time"

	"godwit/client"
	"godwit/client/path"
	"godwit/jid"
)

// actor is one of the two people in the demonstration, with everything their client told that the story has not used yet.
type actor struct {
	*runningClient
	name     string
	jid      jid.JID
	password string
	ended    chan error

	mu     sync.Mutex // guards the rest
	events []client.Event
	more   chan struct{} // closed when something is added
	gone   bool
	mode   path.Mode // what carries new messages, as told last
	linked time.Time // when a direct link came up last
}

// newActor runs a client.
func newActor(ctx context.Context, name string, who jid.JID, password string, rc *runningClient) *actor {
	a := &actor{runningClient: rc, name: name, jid: who, password: password, ended: make(chan error, 1), more: make(chan struct{})}
	go func() { a.ended <- rc.Run(ctx) }()
	go a.listen()
	return a
}

func (a *actor) listen() {
	for e := range a.Events() {
		a.add(e, false)
	}
	a.add(nil, true)
}

func (a *actor) add(e client.Event, gone bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e != nil {
		a.events = append(a.events, e)
	}
	switch e := e.(type) {
	case client.RouteChanged:
		a.mode = e.Mode
	case client.LinkChanged:
		if e.State == client.LinkUp {
			a.linked = time.Now()
		}
	}
	a.gone = a.gone || gone
	close(a.more)
	a.more = make(chan struct{})
}

// state tells what carries new messages, and when a direct link came up last.
func (a *actor) state() (path.Mode, time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.mode, a.linked
}

// await waits for an event of type E that matches, and takes it and everything told of that type before it. Events of other types stay.
func await[E client.Event](ctx context.Context, a *actor, what string, match func(E) bool) (E, error) {
	var none E
	for {
		a.mu.Lock()
		rest := a.events[:0:0]
		for i, e := range a.events {
			mine, ok := e.(E)
			if !ok {
				rest = append(rest, e)
				continue
			}
			if match(mine) {
				a.events = append(rest, a.events[i+1:]...)
				a.mu.Unlock()
				return mine, nil
			}
		}
		a.events = rest
		more, gone := a.more, a.gone
		a.mu.Unlock()
		if gone {
			return none, fmt.Errorf("%s's client ended before %s", a.name, what)
		}
		select {
		case <-more:
		case <-ctx.Done():
			return none, fmt.Errorf("%s waited in vain for %s", a.name, what)
		}
	}
}

// sees waits until a sees the other come and be able to talk directly, or go.
func (a *actor) sees(ctx context.Context, other *actor, come bool) error {
	what := other.name + "'s leaving"
	if come {
		what = other.name + "'s presence"
	}
	_, err := await(ctx, a, what, func(e client.PresenceChanged) bool {
		return e.From.Bare() == other.jid && e.Available == come && (!come || e.Direct)
	})
	return err
}

func (a *actor) send(ctx context.Context, to *actor, body string) (string, error) {
	return a.Send(ctx, client.Outgoing{To: to.jid, Body: body})
}

// leave signs out and closes what the client stands on. A second call does nothing.
func (a *actor) leave() error {
	if a.runningClient == nil {
		return nil
	}
	err := a.Close()
	<-a.ended
	if closeErr := a.close(); err == nil {
		err = closeErr
	}
	a.runningClient = nil
	return err
}

func randomPassword() string { return rand.Text() }

// lineCatcher keeps what the server prints.
type lineCatcher struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *lineCatcher) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// listening is the address of a listener.
func (l *lineCatcher) listening(name string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		if rest, ok := strings.CutPrefix(line, "listening "+name+" "); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}
