package app

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"godwit/client"
	"godwit/client/path"
	"godwit/store"
)

func (d *demo) firstWords(ctx context.Context) error {
	begun := time.Now()
	d.hello = begun
	id, err := d.alice.send(ctx, d.bob, "Hi Bob! 你好！")
	if err != nil {
		return err
	}
	m, err := await(ctx, d.bob, "the first message", func(e client.Message) bool { return e.ID == id })
	if err != nil {
		return err
	}
	took := since(begun)
	if _, err := await(ctx, d.alice, "the receipt", func(e client.Delivered) bool { return e.ID == id }); err != nil {
		return err
	}
	if m.Path != path.Server {
		return fmt.Errorf("the first message came by the path %q", m.Path)
	}
	d.t.say("alice → bob: %q, on bob's screen after %s, by the %s path. It waited for nothing.", m.Body, took, m.Path)
	return nil
}

func (d *demo) introduction(ctx context.Context) error {
	for _, a := range []*actor{d.alice, d.bob} {
		e, err := await(ctx, a, "the direct link", func(e client.LinkChanged) bool { return e.State == client.LinkUp })
		if err != nil {
			return err
		}
		d.t.row("%s's side: %s → %s  %s, %s", a.name, e.Local, e.Remote, e.Path, e.Kind)
	}
	passed := d.node.server.Gate.Counters.Passed.Load()
	if passed == 0 {
		return errors.New("the server passed no introduction")
	}
	_, up := d.alice.state()
	d.t.say("The direct path is up, %s after the first message was written. The server only introduced the two: it passed %d Jingle requests between mutual contacts.",
		short(up.Sub(d.hello)), passed)
	d.t.say("Both punched at the same time; QUIC runs on the punched socket, and each checked the other's key against the fingerprint in the introduction.")
	return nil
}

// chatter sends n numbered messages from a to b and back, and checks that each side gets the other's once and in order. It returns how many
// took which path, as their readers saw it.
func (d *demo) chatter(ctx context.Context, n int, topic string, during func(i int)) (map[path.Kind]int, error) {
	paths := map[path.Kind]int{}
	pairs := [][2]*actor{{d.alice, d.bob}, {d.bob, d.alice}}
	for i := range n {
		if during != nil {
			during(i)
		}
		for _, p := range pairs {
			if _, err := p[0].send(ctx, p[1], topic+" "+strconv.Itoa(i)); err != nil {
				return nil, err
			}
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(5 * time.Millisecond): // a fast typist
		}
	}
	for _, p := range pairs {
		for i := range n {
			m, err := await(ctx, p[1], "message "+strconv.Itoa(i), func(e client.Message) bool { return !e.Own && e.Chat == p[0].jid })
			if err != nil {
				return nil, err
			}
			if want := topic + " " + strconv.Itoa(i); m.Body != want {
				return nil, fmt.Errorf("%s got %q where %q was due: lost, doubled or out of order", p[1].name, m.Body, want)
			}
			paths[m.Path]++
		}
	}
	return paths, nil
}

// flights is how often the direct scene is played at most: on a very busy machine a client may wait a second for an answer, trust the path no
// longer and use the server beside it, as it should.
const flights = 4

func (d *demo) flyDirect(ctx context.Context) error {
	const n = 200
	for flight := 1; ; flight++ {
		if err := d.settle(ctx, path.ViaLink); err != nil {
			return err
		}
		before := d.node.server.Pipeline.Counters.Messages.Load()
		begun := time.Now()
		paths, err := d.chatter(ctx, n, "direct", nil)
		if err != nil {
			return err
		}
		took := time.Since(begun)
		d.flown += n
		after := d.node.server.Pipeline.Counters.Messages.Load()
		if after == before && paths[path.Direct] == 2*n {
			d.t.say("%d messages each way in %s, every one once and in order, all %d by the direct path.", n, short(took), 2*n)
			d.t.say("The server's counter of messages: %d before, %d after. It carried none.", before, after)
			break
		}
		if flight == flights {
			return fmt.Errorf("%d messages were sent, %v were seen by path, and the server carried %d", 2*n, paths, after-before)
		}
		d.t.say("The machine is busy: an answer took over a second, so %d of %d messages also went by the server. Once more.", after-before, 2*n)
	}
	links, err := d.alice.Links(ctx)
	if err != nil {
		return err
	}
	for _, l := range links {
		d.t.row("alice's link to %s: %s, round trip %s, %d bytes out, %d in", l.Peer, l.Path, short(l.RTT), l.BytesOut, l.BytesIn)
	}
	return nil
}

// settle waits until both send the way mode says.
func (d *demo) settle(ctx context.Context, mode path.Mode) error {
	for _, a := range []*actor{d.alice, d.bob} {
		if now, _ := a.state(); now == mode {
			continue
		}
		if _, err := await(ctx, a, "the change of path", func(e client.RouteChanged) bool { return e.Mode == mode }); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) deposited(ctx context.Context) error {
	begun := time.Now()
	for _, a := range []*actor{d.alice, d.bob} {
		for {
			page, err := d.node.db.Archive().Query(ctx, store.ArchiveQuery{Owner: a.jid, Backward: true, Max: 1, Count: true})
			if err != nil {
				return err
			}
			if page.Count > 2*d.flown {
				d.t.row("%s's archive on the server: %d messages", a.name, page.Count)
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("only %d messages are in %s's archive", page.Count, a.name)
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	d.t.say("Each client handed what went direct to its own server, in batches, off the critical path: complete after %s. An account can switch this off.", since(begun))
	return nil
}

func (d *demo) cutPath(ctx context.Context) error {
	const n = 150
	var cutAt time.Time
	paths, err := d.chatter(ctx, n, "cut", func(i int) {
		if i == n/3 {
			d.cut.Store(true)
			cutAt = time.Now()
		}
	})
	if err != nil {
		return err
	}
	if paths[path.Server] == 0 || paths[path.Direct] == 0 {
		return fmt.Errorf("%v messages were seen by path; both paths should have carried some", paths)
	}
	d.t.say("From message %d on, not one packet passes between the two; they keep typing.", n/3)
	d.t.say("After a second without an answer each client trusts the path no longer: what was unanswered goes by the server first, then the rest.")
	d.t.say("All %d messages each way arrived once and in order: %d direct, %d by the server. The last one was there %s after the cut.",
		n, paths[path.Direct], paths[path.Server], since(cutAt))
	return nil
}

func (d *demo) heal(ctx context.Context) error {
	begun := time.Now()
	d.cut.Store(false)
	for {
		if _, err := d.chatter(ctx, 1, "heal", nil); err != nil {
			return err
		}
		up, err := d.alice.Links(ctx)
		if err != nil {
			return err
		}
		for _, l := range up {
			if l.State == client.LinkUp && l.Trusted {
				d.t.say("The network works again, and %s later the chat has a direct path again, by itself.", since(begun))
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return errors.New("no direct path came back")
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (d *demo) absence(ctx context.Context) error {
	if err := d.bob.leave(); err != nil {
		return err
	}
	if err := d.alice.sees(ctx, d.bob, false); err != nil {
		return err
	}
	id, err := d.alice.send(ctx, d.bob, "Call me when you are back.")
	if err != nil {
		return err
	}
	if _, err := await(ctx, d.alice, "the server's acknowledgement", func(e client.Sent) bool { return e.ID == id }); err != nil {
		return err
	}
	d.t.say("bob signs out. alice writes; the server has it on disk and says so.")
	again, err := d.join(ctx, d.bob.jid, d.bob.password)
	if err != nil {
		return err
	}
	d.bob = again
	begun := time.Now()
	m, err := await(ctx, d.bob, "the message that waited", func(e client.Message) bool { return e.ID == id })
	if err != nil {
		return err
	}
	d.t.say("bob signs in and has it %s later: %q, written %s.", since(begun), m.Body, m.Time.Local().Format("15:04:05"))
	if _, err := await(ctx, d.alice, "the receipt", func(e client.Delivered) bool { return e.ID == id }); err != nil {
		return err
	}
	d.t.say("alice sees the second tick.")
	return nil
}
