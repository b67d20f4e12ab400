package headless

import (
	"context"
	"reflect"
	"sync"

	"godwit/client"
)

// Engine drives one client by commands and tells its events: the contract without the
// lines. Its methods may be called from many goroutines, except as said at each.
type Engine struct {
	client *client.Client
	lang   client.Lang
	emit   func(any)

	// sending has a token for each message that is not durable yet, and answers
	// room for what is said to each.
	sending chan struct{}
	answers chan func()
	// aside has a token for each command that is performed aside.
	aside chan struct{}
	calls sync.WaitGroup

	mu sync.Mutex
	// Under mu.
	tags  map[string]string // of messages that are on their way into the outbox, by id
	ended bool              // nothing begins aside any more
}

// Bounds.
const (
	maxSending = 256 // messages on their way into the outbox
	maxAside   = 64  // commands performed aside at a time
)

// NewEngine makes an engine for a client that does not run yet. Words in events are of
// the language. emit is given every event, a struct of events.go; it may be called from
// many goroutines at a time, and may wait: then the client reads no more from the network
// after a while.
func NewEngine(c *client.Client, lang client.Lang, emit func(event any)) *Engine {
	return &Engine{client: c, lang: lang, emit: emit, sending: make(chan struct{}, maxSending),
		answers: make(chan func(), maxSending), aside: make(chan struct{}, maxAside), tags: map[string]string{}}
}

// Run runs the client until it ends, and tells everything. The error is the client's.
func (e *Engine) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	told, answered := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(told)
		for ev := range e.client.Events() {
			e.tell(ev)
		}
	}()
	go func() {
		defer close(answered)
		for f := range e.answers {
			f()
		}
	}()
	err := e.client.Run(ctx)
	<-told
	close(e.answers) // the client calls nobody back any more
	<-answered
	e.mu.Lock()
	e.ended = true
	e.mu.Unlock()
	e.calls.Wait()
	return err
}

// Perform does one command, a JSON object, and says so by events. quit is set by the
// command of that name: the caller then ends with Settle and the client's Close. It returns
// when the command has had its effect or goes on aside; commands performed one after
// another keep their order, as far as order matters to them.
func (e *Engine) Perform(ctx context.Context, command []byte) (quit bool) {
	var head struct {
		Head
		ID any `json:"id"`
	}
	q := &Call{engine: e}
	err := decode(command, &head)
	q.cmd, q.tag = head.Cmd, head.Tag
	q.id, _ = head.ID.(string)
	if err == nil {
		err = q.perform(ctx, command)
	}
	if err != nil {
		q.fail(err)
		return false
	}
	if !q.later {
		q.finish()
	}
	return q.quit
}

// Settle waits until every message that was handed over is in the outbox, or the
// client has ended.
func (e *Engine) Settle() {
	for range maxSending {
		select {
		case e.sending <- struct{}{}:
		case <-e.client.Done():
			return
		}
	}
}

// tell gives an event of the client to the application.
func (e *Engine) tell(ev client.Event) {
	if v := e.translate(ev); v != nil {
		e.emit(v)
	}
}

// Call is one command that is being performed.
type Call struct {
	engine       *Engine
	cmd, tag, id string
	quit         bool
	later        bool // it goes on aside, or is answered by somebody else
	// Result is what "done" says besides.
	Result Done
}

// Client is the client to do it with.
func (q *Call) Client() *client.Client { return q.engine.client }

// Emit tells an event that answers the command.
func (q *Call) Emit(event any) { q.engine.emit(tagged(event, q.tag)) }

// Go performs the rest aside, so that the commands behind it need not wait: for what asks
// the server. The command is done when do has returned. It waits while many are aside.
func (q *Call) Go(ctx context.Context, do func(context.Context) error) error {
	e := q.engine
	select {
	case e.aside <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-e.client.Done():
		return client.ErrClosed
	}
	e.mu.Lock()
	if e.ended {
		e.mu.Unlock()
		<-e.aside
		return client.ErrClosed
	}
	e.calls.Add(1)
	e.mu.Unlock()
	q.later = true
	go func() {
		defer e.calls.Done()
		defer func() { <-e.aside }()
		if err := do(ctx); err != nil {
			q.fail(err)
			return
		}
		q.finish()
	}()
	return nil
}

func (q *Call) perform(ctx context.Context, command []byte) error {
	if len(q.tag) > MaxTag {
		q.tag = ""
		return bad("a tag is longer than %d bytes", MaxTag)
	}
	if q.cmd == "" {
		return bad(`a line needs a "cmd"`)
	}
	row, ok := table[q.cmd]
	if !ok {
		return errUnknown
	}
	return row.do(ctx, q, command)
}

// finish says that all is done, to who asked with a tag.
func (q *Call) finish() {
	if q.tag == "" {
		return
	}
	d := q.Result
	d.Event, d.Tag, d.Cmd = "done", q.tag, q.cmd
	if d.ID == "" {
		d.ID = q.id
	}
	q.engine.emit(d)
}

func (q *Call) fail(err error) {
	q.engine.emit(Error{Event: "error", Tag: q.tag, Cmd: q.cmd, ID: q.id, Message: err.Error(), Code: client.Code(err)})
}

// tagged gives a copy of an event with a tag. Every event has the field Tag.
func tagged(event any, tag string) any {
	if tag == "" {
		return event
	}
	v := reflect.New(reflect.TypeOf(event)).Elem()
	v.Set(reflect.ValueOf(event))
	v.FieldByName("Tag").SetString(tag)
	return v.Interface()
}
