package handler

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"godwit/jid"
	"godwit/stanza"
	"godwit/xmlstream"
)

func request(t *testing.T, typ, payload string, target Target) *Request {
	t.Helper()
	el, err := xmlstream.ParseElement([]byte(`<iq xmlns='jabber:client' from='a@localhost/x' to='localhost' type='`+typ+`' id='1'>`+payload+`</iq>`), xmlstream.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	st, _ := stanza.FromElement(&el) // what is wrong with it is the table's business here
	return &Request{IQ: st, Target: target, Account: jid.MustParse("a@localhost")}
}

func TestAnswer(t *testing.T) {
	var log strings.Builder
	table := NewTable(slog.New(slog.NewTextHandler(&log, nil)))
	say := func(a Answer, err error) Func {
		return func(context.Context, *Request) (Answer, error) { return a, err }
	}
	table.Register("x", "empty", stanza.Get, Server|Self, say(nil, nil))
	table.Register("x", "full", stanza.Set, Server, say(func(e *xmlstream.Encoder) { e.Leaf("x", "full", "answer") }, nil))
	table.Register("x", "refused", stanza.Get, Server, say(nil, fmt.Errorf("wrapped: %w", stanza.ErrNotAllowed())))
	table.Register("x", "broken", stanza.Get, Server, say(nil, errors.New("the cause is for the log")))
	table.Register("x", "defect", stanza.Get, Server, func(context.Context, *Request) (Answer, error) { panic("a defect for the log") })
	for _, c := range []struct {
		why, typ, payload string
		target            Target
		want, log         string
	}{
		{"an empty result", "get", "<empty xmlns='x'/>", Server, "type='result'", ""},
		{"for another target of the same handler", "get", "<empty xmlns='x'/>", Self, "type='result'", ""},
		{"for a target it is not for", "get", "<empty xmlns='x'/>", Other, "<service-unavailable", ""},
		{"of a type it is not for", "set", "<empty xmlns='x'/>", Server, "<service-unavailable", ""},
		{"a result with something in it", "set", "<full xmlns='x'/>", Server, "<full xmlns='x'>answer</full>", ""},
		{"nobody's", "get", "<other xmlns='x'/>", Server, "<service-unavailable", ""},
		{"nothing asked", "get", "", Server, "<bad-request", ""},
		{"an error for the peer, however wrapped", "get", "<refused xmlns='x'/>", Server, "<not-allowed", ""},
		{"an error for the log", "get", "<broken xmlns='x'/>", Server, "<internal-server-error", "the cause is for the log"},
		{"a panic", "get", "<defect xmlns='x'/>", Server, "<internal-server-error", "a defect for the log"},
	} {
		log.Reset()
		got := table.Answer(t.Context(), request(t, c.typ, c.payload, c.target)).String()
		if !strings.Contains(got, c.want) || !strings.Contains(got, "from='localhost' to='a@localhost/x' id='1'") {
			t.Errorf("%s: %s", c.why, got)
		}
		if strings.Contains(got, "for the log") || !strings.Contains(log.String(), c.log) || c.log == "" && log.Len() > 0 {
			t.Errorf("%s: answered %s, logged %s", c.why, got, log.String())
		}
	}
}

func TestRegisterTwice(t *testing.T) {
	table := NewTable(slog.New(slog.NewTextHandler(io.Discard, nil)))
	f := func(context.Context, *Request) (Answer, error) { return nil, nil }
	table.Register("x", "y", stanza.Get, Server, f)
	table.Register("x", "y", stanza.Set, Server, f) // another type is another request
	defer func() {
		if recover() == nil {
			t.Error("a second handler for the same was taken")
		}
	}()
	table.Register("x", "y", stanza.Get, Self, f)
}
