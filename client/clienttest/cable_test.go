package clienttest

import (
	"context"
	"io"
	"net"
	"sync"
	"time"

	"godwit/link"
	"godwit/link/bytestream"
	"godwit/link/linktest"
)

// cable is a stream with a delay that can go silent for good in both directions, as a
// connection does whose router has forgotten it: nothing arrives, and nobody is told.
type cable struct {
	delay   time.Duration
	weather func() time.Duration // what a parcel takes beyond the delay; nil: nothing
	ends    [2]net.Conn          // inner ends
	mu      sync.Mutex
	cut     bool
	until   time.Time // nothing comes out before
	relayed bool      // through a relay
}

type parcel struct {
	due  time.Time
	data []byte // nil: the end
}

// lay lays a cable and returns its ends.
func lay(delay time.Duration, weather func() time.Duration) (a, b net.Conn, c *cable) {
	c = &cable{delay: delay, weather: weather}
	a, x := net.Pipe()
	b, y := net.Pipe()
	c.ends = [2]net.Conn{x, y}
	go c.carry(x, y)
	go c.carry(y, x)
	return a, b, c
}

func (c *cable) sever() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = true
}

func (c *cable) silent() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cut
}

// tear ends the connection for both ends, as a reset does; what is under way is lost.
func (c *cable) tear() {
	c.sever()
	for _, e := range c.ends {
		_ = e.Close()
	}
}

// stall holds back what is under way for a while; then it comes out, late and in order.
func (c *cable) stall(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = time.Now().Add(d)
}

// wait returns when a parcel comes out.
func (c *cable) wait(due time.Time) {
	for {
		c.mu.Lock()
		if c.until.After(due) {
			due = c.until
		}
		c.mu.Unlock()
		d := time.Until(due)
		if d <= 0 {
			return
		}
		time.Sleep(d)
	}
}

// due is when what is sent now comes out.
func (c *cable) due() time.Time {
	at := time.Now().Add(c.delay)
	if c.weather != nil {
		at = at.Add(c.weather())
	}
	return at
}

// carry takes bytes from one end to the other.
func (c *cable) carry(from, to net.Conn) {
	way := make(chan parcel, 4096)
	go func() {
		for p := range way {
			c.wait(p.due)
			switch {
			case c.silent():
			case p.data == nil:
				_ = to.Close()
			default:
				_, _ = to.Write(p.data)
			}
		}
	}()
	defer close(way)
	for {
		buf := make([]byte, 4096)
		n, err := from.Read(buf)
		if n > 0 {
			way <- parcel{c.due(), buf[:n]}
		}
		if err != nil {
			way <- parcel{c.due(), nil}
			if err == io.EOF && c.silent() {
				_ = from.Close()
			}
			return
		}
	}
}

// uplink is what connects one person to everything. It implements link.Dialer.
type uplink struct {
	w     *world
	delay time.Duration
	mu    sync.Mutex
	lines []*cable // to the server
	quiet []*cable // forgotten ones
	dials int
	// weather is that of the lines; see cable.
	weather func() time.Duration
}

func (u *uplink) Dial(ctx context.Context, _ string) (link.Link, error) {
	select { // the handshake of TCP
	case <-time.After(2 * u.delay):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	u.w.mu.Lock()
	server, down := u.w.server, u.w.down
	u.w.mu.Unlock()
	if down {
		return nil, errDown
	}
	a, b, c := lay(u.delay, u.weather)
	u.mu.Lock()
	u.lines, u.dials = append(u.lines, c), u.dials+1
	u.mu.Unlock()
	info := link.TLSInfo{Version: "TLS 1.3", Cipher: "TLS_AES_128_GCM_SHA256", PeerVerified: true}
	one, two := bytestream.New(a, linktest.Options{}.Config()), bytestream.New(b, linktest.Options{}.Config())
	go server.Serve(&linktest.Secured{Link: two, Info: info})
	return &linktest.Secured{Link: one, Info: info}, nil
}

// forget silences every connection to the server there is. New ones work.
func (u *uplink) forget() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, c := range u.lines {
		c.sever()
	}
	u.quiet = append(u.quiet, u.lines...)
	u.lines = nil
}

// tear ends every connection to the server with a reset.
func (u *uplink) tear() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, c := range u.lines {
		c.tear()
	}
	u.lines = nil
}

// end ends every connection there ever was, also those that are silent.
func (u *uplink) end() {
	u.tear()
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, c := range u.quiet {
		c.tear()
	}
	u.quiet = nil
}
