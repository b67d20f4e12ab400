package datachannel

import (
	"fmt"
	"io"
	"time"

	"godwit/link"
	"godwit/link/framing"
)

// Open implements link.Link.
func (l *directLink) Open(h link.Header) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.enqueue(framing.AppendOpen(make([]byte, 0, 256), h)); err != nil {
		return err
	}
	l.opened = true
	return nil
}

// Send implements link.Link.
func (l *directLink) Send(element []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.enqueue(append([]byte(nil), element...))
}

// Queued implements link.Link.
func (l *directLink) Queued() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.queued + l.writing
}

// enqueue adds a message, which it keeps, and makes sure a flusher runs; with mu
// held.
func (l *directLink) enqueue(message []byte) error {
	switch {
	case l.reason != nil:
		return l.reason
	case l.broken != nil:
		return l.broken
	case l.closing:
		return link.ErrClosed
	case len(message) > l.limit:
		l.endLocked(fmt.Errorf("%w: %d of %d bytes", ErrTooLarge, len(message), l.limit))
		return l.reason
	}
	if waiting := l.queued + l.writing; waiting > 0 && waiting+len(message) > l.config.MaxQueued {
		l.endLocked(link.ErrOverflow)
		return link.ErrOverflow
	}
	l.push(message)
	return nil
}

func (l *directLink) push(message []byte) {
	l.queue = append(l.queue, message)
	l.queued += len(message)
	if !l.flushing {
		l.flushing = true
		go l.flush()
	}
}

// flush hands queued messages to the channel until none are left. It is the only
// writer, and does not run while nothing is queued.
func (l *directLink) flush() {
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
			l.end(link.ErrClosed)
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

// write waits until SCTP holds little that is unacknowledged, and hands a message
// over.
func (l *directLink) write(message []byte) error {
	if err := l.drain(highWater-1, l.config.WriteTimeout); err != nil {
		return err
	}
	l.out.Add(uint64(len(message)))
	return l.ch.Write(message)
}

// drain waits until no more than a number of bytes is unacknowledged. It fails
// when for the given time nothing is acknowledged at all.
func (l *directLink) drain(most uint64, patience time.Duration) error {
	held := l.ch.Buffered()
	if held <= most {
		return nil
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case <-l.low:
		case <-l.ending:
			return link.ErrClosed
		case <-l.cut:
			return io.ErrClosedPipe
		case <-timer.C:
			now := l.ch.Buffered()
			if now >= held {
				return link.ErrWriteTimeout
			}
			held = now
			timer.Reset(patience)
		}
		if l.ch.Buffered() <= most {
			return nil
		}
	}
}

// writeFailed ends writing; with mu held. What has arrived from a peer that has
// closed its side can still be read, for a bounded time.
func (l *directLink) writeFailed(err error) {
	l.queue, l.queued = nil, 0
	switch {
	case err == link.ErrWriteTimeout || err == link.ErrClosed:
		l.endLocked(err)
	case l.closing:
		l.endLocked(link.ErrClosed)
	case l.broken == nil && !l.over:
		broken := fmt.Errorf("link: write: %w", err)
		l.broken = broken
		l.timer = time.AfterFunc(l.config.CloseTimeout, func() { l.end(broken) })
	}
}

// Close implements link.Link.
func (l *directLink) Close(final []byte) error {
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
	l.timer = time.AfterFunc(l.config.CloseTimeout, func() { l.end(link.ErrClosed) })
	go l.discard()
	if len(final) > 0 && len(final) <= l.limit {
		l.push(append([]byte(nil), final...))
	}
	if l.opened {
		l.push([]byte(framing.Closing))
	}
	if !l.flushing { // nothing was ever said
		l.flushing = true
		go l.flush()
	}
	return nil
}

// farewell waits until the last words are acknowledged and the peer has said its
// own: closing an association drops what is on its way (RFC 7395 §3.6). It is
// bounded by CloseTimeout, which ends the link.
func (l *directLink) farewell() {
	l.ch.OnLow(0, l.lowered)
	if l.drain(0, l.config.CloseTimeout) != nil {
		return
	}
	select {
	case <-l.peerEnded:
	case <-l.ending:
	}
}

// discard reads on after Close, so that two ends that close at the same time do
// not wait for each other to read.
func (l *directLink) discard() {
	for read := 0; read < maxScrap; {
		select {
		case <-l.peerEnded:
		default:
			if message, err := l.receive(); err == nil {
				read += len(message) + 1
				continue
			}
		}
		break
	}
	l.heardEnd()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.discarding = false
	l.settle()
}

// Abort implements link.Link.
func (l *directLink) Abort() { l.end(link.ErrClosed) }

func (l *directLink) end(reason error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.endLocked(reason)
}

// endLocked releases the channel, once, and remembers why; with mu held.
func (l *directLink) endLocked(reason error) {
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
		l.ch.Close()
		l.mu.Lock()
		defer l.mu.Unlock()
		l.gone = true
		l.settle()
	}()
}

// settle closes done when nothing of the link is left; with mu held. Whoever
// ends last does it.
func (l *directLink) settle() {
	if l.gone && !l.flushing && !l.discarding {
		close(l.done)
	}
}
