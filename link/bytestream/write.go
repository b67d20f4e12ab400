package bytestream

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"godwit/link"
	"godwit/xmlstream"
)

const endTag = "</stream:stream>"

// Open implements link.Link.
func (l *Link) Open(h link.Header) error {
	b := make([]byte, 0, 256)
	b = append(b, "<?xml version='1.0'?><stream:stream xmlns='"+nsClient+"' xmlns:stream='"+nsStreams+"'"...)
	for _, a := range [...]xmlstream.Attr{
		xmlstream.A("id", h.ID), xmlstream.A("from", h.From), xmlstream.A("to", h.To),
		xmlstream.A("version", h.Version), xmlstream.Lang(h.Lang),
	} {
		if a.Value != "" {
			b = xmlstream.AppendAttrs(b, []xmlstream.Attr{a})
		}
	}
	b = append(b, '>')
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.enqueue(b); err != nil {
		return err
	}
	l.opened = true
	return nil
}

// Send implements link.Link.
func (l *Link) Send(elements []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.enqueue(elements)
}

// Queued implements link.Link.
func (l *Link) Queued() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.queue.size + l.writing
}

// enqueue adds bytes and makes sure a flusher runs; with mu held.
func (l *Link) enqueue(b []byte) error {
	switch {
	case l.reason != nil:
		return l.reason
	case l.broken != nil:
		return l.broken
	case l.closing:
		return link.ErrClosed
	}
	if waiting := l.queue.size + l.writing; waiting > 0 && waiting+len(b) > l.cfg.MaxQueued {
		l.endLocked(link.ErrOverflow)
		return link.ErrOverflow
	}
	l.queue.add(b)
	l.startFlush()
	return nil
}

// startFlush runs the flusher if none runs; with mu held.
func (l *Link) startFlush() {
	if !l.flushing && !l.upgrading {
		l.flushing = true
		go l.flush()
	}
}

// flush hands queued bytes to the transport until none are left. It is the only
// writer: one at a time, and none while nothing is queued.
func (l *Link) flush() {
	for {
		l.mu.Lock()
		if l.over {
			l.queue.drop()
		}
		c := l.queue.take()
		if c == nil {
			last := l.closing && !l.over
			if !last {
				l.stopFlush()
				l.mu.Unlock()
				return
			}
			rwc, deaf := l.rwc, l.deaf
			l.mu.Unlock()
			farewell(rwc, deaf)
			l.end(link.ErrClosed)
			continue
		}
		rwc := l.rwc
		l.writing = len(c.b)
		l.mu.Unlock()

		l.out.Add(uint64(len(c.b)))
		_, err := l.write(rwc, c.b)
		c.free()

		l.mu.Lock()
		l.writing = 0
		if err != nil {
			l.writeFailed(err)
		}
		l.mu.Unlock()
	}
}

// stopFlush ends the flusher; with mu held.
func (l *Link) stopFlush() {
	l.flushing = false
	if l.drained != nil {
		close(l.drained)
		l.drained = nil
	}
	l.settle()
}

// settle closes done when nothing of the link is left; with mu held. Whoever
// ends last does it.
func (l *Link) settle() {
	if l.gone && !l.flushing && !l.discarding {
		close(l.done)
	}
}

// write writes all of b, or fails when the transport accepts nothing in time.
func (l *Link) write(rwc io.ReadWriteCloser, b []byte) (int, error) {
	if d, ok := rwc.(writeDeadliner); ok {
		if err := d.SetWriteDeadline(time.Now().Add(l.cfg.WriteTimeout)); err == nil {
			return rwc.Write(b)
		}
	}
	t := time.AfterFunc(l.cfg.WriteTimeout, func() { l.end(link.ErrWriteTimeout) })
	defer t.Stop()
	return rwc.Write(b)
}

// writeFailed ends writing; with mu held. A peer that takes nothing ends the
// link. But one that has closed may have spoken before: what has arrived can
// still be read, for a bounded time.
func (l *Link) writeFailed(err error) {
	l.queue.drop()
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		l.endLocked(fmt.Errorf("%w: %w", link.ErrWriteTimeout, err))
	case l.closing:
		l.endLocked(link.ErrClosed)
	case l.broken == nil && !l.over:
		broken := fmt.Errorf("link: write: %w", err)
		l.broken = broken
		l.timer = time.AfterFunc(l.cfg.CloseTimeout, func() { l.end(broken) })
	}
}

// Close implements link.Link.
func (l *Link) Close(final []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing || l.over {
		return nil
	}
	if l.upgrading || l.broken != nil { // nothing can be said any more, or in the middle of a handshake
		l.endLocked(link.ErrClosed)
		return nil
	}
	if len(final) > 0 {
		l.queue.add(final)
	}
	if l.opened {
		l.queue.add([]byte(endTag))
	}
	l.closing = true
	if !l.heardEnd.Load() {
		deaf := make(chan struct{})
		l.deaf, l.discarding = deaf, true
		go l.discard(l.rwc, deaf)
	}
	l.timer = time.AfterFunc(l.cfg.CloseTimeout, func() { l.end(link.ErrClosed) })
	l.startFlush()
	return nil
}

// farewell lets the peer read the last words: closing a socket that holds
// unread bytes may reset the connection and lose what was just written. So
// this direction is ended, and the transport closed only when the peer has ended
// its own or CloseTimeout is over (RFC 6120 §4.4).
func farewell(rwc io.ReadWriteCloser, deaf <-chan struct{}) {
	if deaf == nil {
		return // the peer's end was heard already
	}
	if cw, ok := rwc.(closeWriter); ok && cw.CloseWrite() == nil {
		<-deaf
	}
}

// discard reads on after Close, so that two ends that close at the same time do
// not wait for each other to read. A reader that still waits comes first, and
// drops what it gets.
func (l *Link) discard(rwc io.ReadWriteCloser, deaf chan<- struct{}) {
	l.mu.Lock()
	var wait chan struct{}
	if l.reading {
		wait = make(chan struct{})
		l.readEnd = wait
	}
	l.mu.Unlock()
	if wait != nil {
		<-wait
	}
	var scrap [512]byte
	for n := 0; n < maxScrap && !l.heardEnd.Load(); {
		k, err := rwc.Read(scrap[:])
		if err != nil {
			break
		}
		n += k
	}
	close(deaf)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.discarding = false
	l.settle()
}

// maxScrap bounds what is read and discarded after Close, in bytes.
const maxScrap = 256 << 10

// Abort implements link.Link.
func (l *Link) Abort() { l.end(link.ErrClosed) }

// end closes the transport, once, and remembers why.
func (l *Link) end(reason error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.endLocked(reason)
}

func (l *Link) endLocked(reason error) {
	if l.over {
		return
	}
	l.over = true
	if l.closing {
		reason = link.ErrClosed
	}
	if l.reason == nil {
		l.reason = reason
	}
	if l.timer != nil {
		l.timer.Stop()
	}
	l.queue.drop()
	go func(rwc io.ReadWriteCloser) {
		closeTransport(rwc)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.gone = true
		l.settle()
	}(l.rwc)
}

func closeTransport(rwc io.ReadWriteCloser) {
	if a, ok := rwc.(aborter); ok {
		a.Abort()
		return
	}
	rwc.Close()
}
