package portmap

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// A question is repeated after 250 ms, then after twice the pause before, as
// RFC 6886 §3.1 says, and given up after four packets, not nine: the router is on
// the local network, and is asked again later. PCP's own first pause of
// 3 s (RFC 6887 §8.1.1) is meant for requests nobody waits for.
const (
	firstPause = 250 * time.Millisecond
	maxTries   = 4
)

// exchange sends a packet to the router's control port until take has accepted
// an answer. What take refuses is counted and waited over; its error ends the
// exchange only together with true.
func (w *wire) exchange(ctx context.Context, r Router, packet []byte, take func([]byte) (bool, error)) error {
	conn, err := w.sockets.Dial(ctx, "udp", r.Local, r.control())
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	defer conn.Close()
	// The end of ctx wakes the reader. The socket is this call's own, so nobody
	// minds that it is closed twice.
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	buffer := make([]byte, pcpMaxLength+1)
	pause := firstPause
	for range maxTries {
		if _, err := conn.Write(packet); err != nil {
			return noAnswer(ctx, err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(pause)); err != nil {
			return noAnswer(ctx, err)
		}
		pause *= 2
		done, err := w.await(conn, buffer, take)
		switch {
		case done:
			return err
		case ctx.Err() != nil || !errors.Is(err, os.ErrDeadlineExceeded):
			return noAnswer(ctx, err)
		}
	}
	return ErrNoAnswer
}

// await reads until an answer is taken or the deadline is over.
func (w *wire) await(conn net.Conn, buffer []byte, take func([]byte) (bool, error)) (bool, error) {
	for {
		n, err := conn.Read(buffer)
		if err != nil {
			return false, err
		}
		taken, err := take(buffer[:n])
		if taken {
			return true, err
		}
		w.ignored.Add(1)
		w.log.Debug("portmap: ignoring a packet from the router", "length", n, "error", err)
	}
}

func noAnswer(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("%w: %w", ErrNoAnswer, err)
}
