package bytestream

import (
	"context"
	"io"

	"godwit/link"
)

// Upgrade replaces the transport, for TLS in place (RFC 6120 §5). The reader
// calls it when the element that announced the change was the last one read.
// final, if any, goes out on the old transport first; then swap makes the new
// one of the old, and the stream begins anew as after Restart.
//
// It fails with link.ErrInjected, sends nothing and aborts the link when bytes
// beyond that element are already here. A failure of swap aborts it too.
func (l *Link) Upgrade(ctx context.Context, final []byte, swap func(io.ReadWriteCloser) (io.ReadWriteCloser, error)) error {
	if l.reader.DropSpace() > 0 {
		l.end(link.ErrInjected)
		return link.ErrInjected
	}
	stop := context.AfterFunc(ctx, func() { l.end(ctx.Err()) })
	defer stop()
	old, err := l.drain(final)
	if err != nil {
		return err
	}
	fresh, err := swap(old)
	if err != nil {
		l.end(err)
		if reason := l.ended(); reason != nil {
			return reason
		}
		return err
	}
	l.reader.Reset(source{l})
	l.state = wantHeader
	l.mu.Lock()
	defer l.mu.Unlock()
	l.upgrading = false
	l.opened = false
	if l.reason != nil { // ended meanwhile: fresh shares the closed transport
		return l.reason
	}
	l.rwc = fresh
	if l.queue.size > 0 {
		l.startFlush()
	}
	return nil
}

// drain sends final and waits until nothing is left to write.
func (l *Link) drain(final []byte) (io.ReadWriteCloser, error) {
	l.mu.Lock()
	if err := l.enqueue(final); err != nil {
		l.mu.Unlock()
		return nil, err
	}
	l.upgrading = true
	var wait chan struct{}
	if l.flushing {
		wait = make(chan struct{})
		l.drained = wait
	}
	l.mu.Unlock()
	if wait != nil {
		<-wait
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reason != nil {
		return nil, l.reason
	}
	return l.rwc, l.broken
}
