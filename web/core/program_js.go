//go:build js

package main

import (
	"context"
	"encoding/json"
	"errors"
	"syscall/js"

	"godwit/client"
	"godwit/client/cache"
	"godwit/client/cache/memory"
	"godwit/headless"
	"godwit/web/core/bridge"
	"godwit/web/core/indexed"
	"godwit/web/core/journal"
	"godwit/web/core/socket"
)

// maxWaiting bounds the commands that wait to be performed.
const maxWaiting = 4_096

// program is what runs in the Worker: at most one client. Messages of the page come in
// one after another; run is replaced by them only.
type program struct {
	page page
	run  *run
}

// run is one client from its start to its end.
type run struct {
	page     page
	cancel   context.CancelFunc
	commands chan string
	ended    chan struct{}
}

// receive takes one message of the page. It does not wait.
func (p *program) receive(message js.Value) {
	switch kind := bridge.Text(message.Get("kind")); kind {
	case "start":
		p.start(bridge.Text(message.Get("options")))
	case "command":
		p.command(bridge.Text(message.Get("text")))
	case "stop":
		if p.run != nil {
			p.run.cancel()
		}
	}
}

// start begins a client. The one before must have ended.
func (p *program) start(text string) {
	if p.run != nil {
		select {
		case <-p.run.ended:
		default:
			p.page.ended(errors.New("a client runs already"))
			return
		}
	}
	plan, err := parse(text)
	if err != nil {
		p.page.ended(err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &run{page: p.page, cancel: cancel, commands: make(chan string, maxWaiting), ended: make(chan struct{})}
	p.run = r
	go func() {
		defer bridge.Report()
		defer cancel()
		err := r.live(ctx, plan)
		close(r.ended)
		p.page.ended(err)
	}()
}

// command hands one to the client, or says that it can not be performed.
func (p *program) command(text string) {
	err := client.ErrClosed
	if p.run != nil {
		select {
		case <-p.run.ended:
		case p.run.commands <- text:
			return
		default:
			err = errors.New("too many commands wait")
		}
	}
	var head headless.Head
	_ = json.Unmarshal([]byte(text), &head)
	p.page.tell(headless.Error{Event: "error", Tag: head.Tag, Cmd: head.Cmd, Message: err.Error(), Code: "busy"})
}

// live runs a client until it ends or ctx does.
func (r *run) live(ctx context.Context, p plan) error {
	if p.options.Token != "" {
		err := client.Register(ctx, client.RegisterConfig{
			JID: p.account.Bare(), Password: p.options.Password, Token: p.options.Token,
			Dialer: &socket.Dialer{URL: p.options.URL}, AllowUnencrypted: p.open,
		})
		if err != nil {
			return err
		}
	}
	store, err := r.open(ctx, p)
	if err != nil {
		return err
	}
	defer store.Close()
	c, err := client.New(client.Config{
		JID: p.account, Password: p.options.Password,
		Dialer: &socket.Dialer{URL: p.options.URL}, Cache: store,
		AllowUnencrypted: p.open,
		Software:         client.Software{Kind: "web", OS: "web", Device: p.options.Device},
	})
	if err != nil {
		return err
	}
	engine := headless.NewEngine(c, p.lang, r.page.tell)
	over := make(chan error, 1)
	go func() {
		defer bridge.Report()
		over <- engine.Run(context.Background())
	}()
	r.page.post(map[string]any{"kind": "started"})
	for {
		select {
		case text := <-r.commands:
			if !engine.Perform(ctx, []byte(text)) {
				continue
			}
		case <-ctx.Done():
		case err := <-over:
			return err
		}
		engine.Settle()
		_ = c.Close()
		return <-over
	}
}

// open opens the account's cache. Where the browser keeps nothing, as some do in private
// windows, it is one in memory, and the user is told.
func (r *run) open(ctx context.Context, p plan) (cache.Cache, error) {
	log, err := indexed.Open(ctx, p.database())
	if err != nil && !errors.Is(err, cache.ErrIO) {
		return nil, err
	}
	if err != nil {
		r.page.tell(headless.Error{Event: "error", Message: err.Error(), Code: "no-database"})
		return memory.New(), nil
	}
	return journal.Open(ctx, log)
}

// tell sends an event.
func (p page) tell(event any) {
	text, err := json.Marshal(event)
	if err != nil { // nothing in these types can fail
		return
	}
	p.event(string(text))
}

// ended tells that the client has, and why.
func (p page) ended(err error) {
	m := map[string]any{"kind": "ended"}
	if err != nil {
		m["message"], m["code"] = err.Error(), client.Code(err)
	}
	p.post(m)
}
