package script

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
)

// patience is how long a step waits for what must come. It is never waited out by a script that passes.
const patience = 20 * time.Second

// client is one client of a script: a connection, and what it remembers from one connection to the next.
type client struct {
	name, account, resource string
	opts                    options

	// Owned by the runner.
	conn   *conn
	jid    string // full, once bound
	skips  []Tree
	token  string // to sign in with instead of the password, "" if none
	smID   string // what to resume, "" if nothing
	outCnt uint32 // stanzas sent since acknowledgements began
	inCnt  uint32 // stanzas received, up to the last connection
}

// conn is one connection. Its reader owns the decoder; mu guards the rest.
type conn struct {
	raw    io.ReadWriteCloser
	secure bool
	gone   <-chan struct{} // closed when the server is done with the connection; nil if nobody can tell
	noAcks bool
	plain  bool // nothing is hidden from the script

	mu      sync.Mutex
	news    *sync.Cond // broadcast on every change
	queue   []Tree
	err     error // why reading ended; io.EOF after </stream:stream>
	pongs   map[string]bool
	counted bool   // acknowledgements are in force
	in      uint32 // stanzas received since
	done    chan struct{}
}

func newConn(d *dialed, o options, in uint32) *conn {
	c := &conn{in: in, raw: d.conn, secure: d.secure, gone: d.gone, noAcks: o.has("noacks"), plain: o.has("raw"), pongs: make(map[string]bool), done: make(chan struct{})}
	c.news = sync.NewCond(&c.mu)
	go c.read()
	return c
}

// read takes everything the server sends until the connection ends.
func (c *conn) read() {
	defer close(c.done)
	d := xml.NewDecoder(c.raw)
	for {
		tok, err := d.Token()
		if err != nil {
			c.ended(err)
			return
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			if tok.Name == streamName { // also after a restart, within the old one as far as the decoder knows
				c.take(head(tok))
				continue
			}
			t, err := element(d, tok)
			if err != nil {
				c.ended(err)
				return
			}
			c.take(t)
		case xml.EndElement:
			c.ended(io.EOF)
			_, _ = io.Copy(io.Discard, c.raw)
			return
		case xml.CharData:
			if strings.TrimSpace(string(tok)) != "" {
				c.ended(fmt.Errorf("text between stanzas: %q", tok))
				return
			}
		}
	}
}

func (c *conn) ended(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
	c.news.Broadcast()
}

// take deals with one element: pongs of barriers and requests for acknowledgement are answered or noted here, the rest is the script's.
func (c *conn) take(t Tree) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.news.Broadcast()
	if c.counted && t.stanza() {
		c.in++
	}
	switch {
	case t.is(nsClient, "iq") && strings.HasPrefix(t.attr("id"), barrierPrefix):
		c.pongs[t.attr("id")] = true
		return
	case t.is(nsSM, "enabled") || t.is(nsSM, "resumed"):
		c.counted = true
	case t.child(nsSM, "resumed") != nil:
		c.counted = true
	case t.child("urn:xmpp:bind:0", "bound") != nil && t.child("urn:xmpp:bind:0", "bound").child(nsSM, "enabled") != nil:
		c.counted = true
	case t.is(nsSM, "r") && !c.plain:
		if !c.noAcks {
			go c.write(fmt.Sprintf("<a xmlns='%s' h='%d'/>", nsSM, c.in))
		}
		return
	case t.is(nsClient, "iq") && t.attr("type") == "get" && t.child("jabber:iq:version", "query") != nil && !strings.Contains(t.attr("from"), "@") && !c.plain:
		return // the server is curious; that is no part of any story
	}
	c.queue = append(c.queue, t)
}

const barrierPrefix = "barrier-"

func (c *conn) write(text string) error {
	_, err := io.WriteString(c.raw, text)
	return err
}

var errTimeout = errors.New("nothing more came")

// wait waits until ok holds, with mu held while it is asked. It fails when the connection ends first, or patience does.
func (c *conn) wait(ok func() bool) error {
	late := false
	timer := time.AfterFunc(patience, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		late = true
		c.news.Broadcast()
	})
	defer timer.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for !ok() {
		switch {
		case c.err != nil:
			return fmt.Errorf("the connection ended: %w", c.err)
		case late:
			return errTimeout
		}
		c.news.Wait()
	}
	return nil
}

// next returns the next element the script should see.
func (c *conn) next(skip func(*Tree) bool) (t Tree, err error) {
	err = c.wait(func() bool {
		for len(c.queue) > 0 {
			t = c.queue[0]
			c.queue = c.queue[1:]
			if !skip(&t) {
				return true
			}
		}
		return false
	})
	return t, err
}

// pending returns what has come and was not asked for, and forgets it.
func (c *conn) pending(skip func(*Tree) bool) []Tree {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []Tree
	for _, t := range c.queue {
		if !skip(&t) {
			all = append(all, t)
		}
	}
	c.queue = nil
	return all
}

// drop forgets what has come and matches.
func (c *conn) drop(match func(*Tree) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue = slices.DeleteFunc(c.queue, func(t Tree) bool { return match(&t) })
}

// finish waits until the server is done with the connection, so that what follows in the script finds it gone.
func (c *conn) finish() error {
	for _, done := range []<-chan struct{}{c.done, c.gone} {
		if done == nil {
			continue
		}
		select {
		case <-done:
		case <-time.After(patience):
			return errors.New("the server holds on to the connection")
		}
	}
	return nil
}

// ended reports whether the server has closed the connection.
func (c *conn) endedErr() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *conn) count() uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.in
}

// options are the words behind a client's or server's name.
type options map[string]string

func parseOptions(words []string) options {
	o := make(options)
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		o[k] = v
	}
	return o
}

func (o options) has(k string) bool { _, ok := o[k]; return ok }
