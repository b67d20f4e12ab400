package framing

import (
	"errors"
	"fmt"
	"time"

	"godwit/link"
	"godwit/xmlstream"
)

// Open implements link.Link.
func (l *Link) Open(h link.Header) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.enqueue(AppendOpen(make([]byte, 0, 256), h)); err != nil {
		return err
	}
	l.opened = true
	return nil
}

// Send implements link.Link.
func (l *Link) Send(element []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.enqueue(append([]byte(nil), element...))
}

// Queued implements link.Link.
func (l *Link) Queued() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.queued + l.writing
}

// enqueue adds a message, which it keeps, and makes sure a flusher runs; with mu
// held.
func (l *Link) enqueue(message []byte) error {
	switch {
	case l.reason != nil:
		return l.reason
	case l.broken != nil:
		return l.broken
	case l.closing:
		return link.ErrClosed
	case l.config.MaxMessage > 0 && len(message) > l.config.MaxMessage:
		l.endLocked(fmt.Errorf("%w: %d of %d bytes", ErrTooLarge, len(message), l.config.MaxMessage))
		return l.reason
	}
	if waiting := l.queued + l.writing; waiting > 0 && waiting+len(message) > l.config.MaxQueued {
		l.endLocked(link.ErrOverflow)
		return link.ErrOverflow
	}
	l.push(message)
	return nil
}

func (l *Link) push(message []byte) {
	l.queue = append(l.queue, message)
	l.queued += len(message)
	l.startFlush()
}

// startFlush runs the flusher if none runs; with mu held.
func (l *Link) startFlush() {
	if !l.flushing {
		l.flushing = true
		go l.flush()
	}
}

// flush hands queued messages to the connection until none are left. It is the
// only writer, and does not run while nothing is queued.
func (l *Link) flush() {
	for {
		l.mu.Lock()
		if l.over || l.broken != nil {
			l.queue, l.queued = nil, 0
		}
		if len(l.queue) == 0 {
			last := l.closing && !l.over
			if !last {
				l.queue, l.flushing = nil, false
				l.settle()
				l.mu.Unlock()
				return
			}
			l.mu.Unlock()
			l.farewell()
			l.End(link.ErrClosed)
			continue
		}
		message := l.queue[0]
		l.queue[0] = nil
		l.queue = l.queue[1:]
		l.queued -= len(message)
		l.writing = len(message)
		l.mu.Unlock()

		err := l.write(message)

		l.mu.Lock()
		l.writing = 0
		if err != nil {
			l.writeFailed(err)
		}
		l.mu.Unlock()
	}
}

// write hands over one message, or ends the link when that takes too long.
func (l *Link) write(message []byte) error {
	timer := time.AfterFunc(l.config.WriteTimeout, func() { l.End(link.ErrWriteTimeout) })
	defer timer.Stop()
	l.out.Add(uint64(len(message)))
	return l.conn.WriteMessage(message)
}

// writeFailed ends writing; with mu held. What has arrived from a peer that has
// closed its side can still be read, for a bounded time.
func (l *Link) writeFailed(err error) {
	l.queue, l.queued = nil, 0
	switch {
	case l.closing:
		l.endLocked(link.ErrClosed)
	case l.broken == nil && !l.over:
		broken := fmt.Errorf("link: write: %w", err)
		l.broken = broken
		l.timer = time.AfterFunc(l.config.CloseTimeout, func() { l.End(broken) })
	}
}

// Close implements link.Link.
func (l *Link) Close(final []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing || l.over {
		return nil
	}
	if l.broken != nil {
		l.endLocked(link.ErrClosed)
		return nil
	}
	l.closing, l.discarding = true, true
	l.timer = time.AfterFunc(l.config.CloseTimeout, func() { l.End(link.ErrClosed) })
	go l.discard()
	if len(final) > 0 && (l.config.MaxMessage <= 0 || len(final) <= l.config.MaxMessage) {
		l.push(append([]byte(nil), final...))
	}
	if l.opened {
		l.push([]byte(Closing))
	}
	l.startFlush() // also when nothing was ever said
	return nil
}

// farewell waits until the peer has said its last words too, and closes the
// connection in its own way (RFC 7395 §3.6). CloseTimeout bounds it by ending the
// link.
func (l *Link) farewell() {
	select {
	case <-l.peerEnded:
		l.receiving.Lock() // nobody reads any more but Close
		defer l.receiving.Unlock()
		l.conn.Close(Normal)
	case <-l.ending:
	}
}

// maxScrap bounds what is read and dropped after Close, in bytes.
const maxScrap = 1 << 20

// discard reads on after Close, so that two ends that close at the same time do
// not wait for each other to read.
func (l *Link) discard() {
	var refused *xmlstream.Error
	for read := 0; read < maxScrap; {
		message, err := l.receive()
		if err != nil && !errors.As(err, &refused) {
			break
		}
		read += len(message) + 1
	}
	l.heardEnd()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.discarding = false
	l.settle()
}

// Abort implements link.Link.
func (l *Link) Abort() { l.End(link.ErrClosed) }

// End aborts the link, and has Read and Send tell why. For a carrier that knows
// better than its Conn what happened to it.
func (l *Link) End(reason error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.endLocked(reason)
}

// endLocked releases the connection, once, and remembers why; with mu held.
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
	l.queue, l.queued = nil, 0
	close(l.ending)
	go func() {
		l.conn.Abort()
		l.mu.Lock()
		defer l.mu.Unlock()
		l.gone = true
		l.settle()
	}()
}

// settle closes done when nothing of the link is left; with mu held. Whoever
// ends last does it.
func (l *Link) settle() {
	if l.gone && !l.flushing && !l.discarding {
		close(l.done)
	}
}
