package tcpmux

import (
	"net"
	"sync"
	"time"
)

// port is one protocol's share: a net.Listener. Nothing waits in it: a connection is handed to whoever calls Accept at that time.
type port struct {
	kind  Kind
	addr  net.Addr
	queue chan *Conn
	done  chan struct{}
	end   func() // closes done
}

func newPort(k Kind, addr net.Addr) *port {
	p := &port{kind: k, addr: addr, queue: make(chan *Conn), done: make(chan struct{})}
	p.end = sync.OnceFunc(func() { close(p.done) })
	return p
}

// Accept implements net.Listener. What it returns has the methods of *Conn, and with TLS also ConnectionState. For HTTP it is the *tls.Conn
// itself where ALPN has decided, for net/http then speaks HTTP/2 on it.
func (p *port) Accept() (net.Conn, error) {
	select {
	case c := <-p.queue:
		switch {
		case c.tls == nil:
			return c, nil
		case p.kind == HTTP && c.head == nil:
			return c.tls, nil
		}
		return secureConn{c}, nil
	case <-p.done:
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: p.addr, Err: net.ErrClosed}
	}
}

// Close implements net.Listener. The other protocols go on.
func (p *port) Close() error {
	p.end()
	return nil
}

// Addr implements net.Listener: that of the shared port.
func (p *port) Addr() net.Addr { return p.addr }

// outcome is how an offer ended.
type outcome uint8

const (
	taken outcome = iota
	tooBusy
	off
)

// offer hands over a connection, waiting for at most some time.
func (p *port) offer(c *Conn, wait time.Duration) outcome {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-p.done:
		return off
	default:
	}
	select {
	case p.queue <- c:
		return taken
	case <-p.done:
		return off
	case <-timer.C:
		return tooBusy
	}
}
