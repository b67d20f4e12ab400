// Package handler is the table of request handlers: which room answers an IQ with which payload, addressed to whom.
//
// A request always gets exactly one answer. A handler returns what goes into the result, or an error: a *stanza.Error is sent as it is, any
// other error is logged and the peer reads internal-server-error. Handlers run on the goroutine of the session that asked; they may wait for
// the store and for accounts, but not for clients. No handler lives here, only the contract and the table.
package handler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"godwit/jid"
	"godwit/server/account"
	"godwit/stanza"
	"godwit/xmlstream"
)

// Target says whom a request is addressed to.
type Target uint8

const (
	// Server is the domain itself.
	Server Target = 1 << iota
	// Self is the account of who asks, with or without a to (RFC 6120 §10.3.3).
	Self
	// Other is the bare address of another local account; the server answers on its behalf (RFC 6121 §8.5.2.1.3).
	Other
)

// Request is one IQ of type get or set.
type Request struct {
	Session *account.Session
	IQ      *stanza.Stanza
	Payload xmlstream.Node
	Target  Target
	// Account is the bare address the request is about: who asks, for Server and Self; the addressee, for Other.
	Account jid.JID

	after []func()
}

// Afterwards has f called once the answer is on its way, on a goroutine of its own.
func (r *Request) Afterwards(f func()) { r.after = append(r.after, f) }

// Answered is called by whoever sent the answer.
func (r *Request) Answered() {
	for _, f := range r.after {
		go f()
	}
}

// Set reports whether the request wants to change something.
func (r *Request) Set() bool { return r.IQ.Type == stanza.Set }

// Answer writes the payload of a result; nil means an empty result.
type Answer func(*xmlstream.Encoder)

// Refusal is an error that comes with a payload, such as a form that says what is missing.
type Refusal struct {
	Err     *stanza.Error
	Payload Answer
}

// Error implements error.
func (r *Refusal) Error() string { return r.Err.Error() }

// Func answers one request.
type Func func(ctx context.Context, r *Request) (Answer, error)

type key struct {
	name xmlstream.Name
	typ  string
}

type entry struct {
	targets Target
	f       Func
}

// Table finds the handler of a request. It is filled before use and read-only then.
type Table struct {
	m   map[key]entry
	log *slog.Logger
}

// NewTable returns an empty table.
func NewTable(log *slog.Logger) *Table { return &Table{m: make(map[key]entry), log: log} }

// Register adds a handler for requests of one type (stanza.Get or stanza.Set) with one payload. Two handlers for the same are a mistake of the
// program and panic at start.
func (t *Table) Register(space, local, typ string, targets Target, f Func) {
	k := key{xmlstream.Name{Space: space, Local: local}, typ}
	if _, taken := t.m[k]; taken {
		panic(fmt.Sprintf("handler: %v %s is registered twice", k.name, typ))
	}
	t.m[k] = entry{targets, f}
}

// Handles reports whether any handler takes payloads of this name for the target.
func (t *Table) Handles(name xmlstream.Name, typ string, target Target) bool {
	return t.m[key{name, typ}].targets&target != 0
}

// Answer runs the request's handler and returns the stanza to answer with.
func (t *Table) Answer(ctx context.Context, r *Request) (reply *stanza.Stanza) {
	name, ok := r.IQ.Payload()
	if !ok {
		return r.IQ.ErrorReply(stanza.ErrBadRequest())
	}
	e, ok := t.m[key{name, r.IQ.Type}]
	if !ok || e.targets&r.Target == 0 {
		return r.IQ.ErrorReply(stanza.ErrServiceUnavailable())
	}
	if r.Payload, ok = r.IQ.Child(name.Space, name.Local); !ok {
		return r.IQ.ErrorReply(stanza.ErrBadRequest())
	}
	defer func() {
		if p := recover(); p != nil {
			t.log.Error("defect in a request handler", "payload", name, "panic", p, "stack", string(debug.Stack()))
			reply = r.IQ.ErrorReply(stanza.ErrInternalServerError())
		}
	}()
	answer, err := e.f(ctx, r)
	if err == nil {
		return r.IQ.Result(answer)
	}
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return r.IQ.ErrorReply(refusal.Err).WithChildren(refusal.Payload)
	}
	var bad *stanza.Error
	if errors.As(err, &bad) {
		return r.IQ.ErrorReply(bad)
	}
	t.log.Error("a request failed", "payload", name, "from", r.IQ.From.String(), "error", err)
	return r.IQ.ErrorReply(stanza.ErrInternalServerError())
}
