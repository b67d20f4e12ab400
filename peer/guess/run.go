package guess

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Send sends checks to random ports of an address until all are sent or the
// context ends. It returns how many were sent.
func Send(ctx context.Context, target netip.Addr, send func(netip.AddrPort)) (sent int) {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	timer := time.NewTimer(headStart)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return 0
	}
	list := ports(MaxProbes)
	pace(ctx, len(list), func(i int) bool {
		send(netip.AddrPortFrom(target, list[i]))
		sent++
		return true
	})
	<-ctx.Done() // for the last ones to be answered
	return sent
}

// pace calls f for 0 to n-1, Rate times a second, until it says no.
func pace(ctx context.Context, n int, f func(i int) bool) {
	begun := time.Now()
	ticker := time.NewTicker(time.Second / Rate)
	defer ticker.Stop()
	for i := 0; i < n; {
		for ; i < allowance(time.Since(begun), n); i++ {
			if !f(i) {
				return
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// Opening is what Open works with.
type Opening struct {
	// Target is the peer's public address, to which each socket sends once.
	Target netip.AddrPort
	// Socket opens one more socket; an error ends the opening, not the waiting.
	Socket func() (net.PacketConn, error)
	// Check makes a message for the peer.
	Check func() []byte
	// Ours tells whether a packet is an authentic check of the peer. It is called by
	// several goroutines.
	Ours func(packet []byte, from netip.AddrPort) bool
}

// Open opens sockets and waits for a check to arrive at one of them, which it
// returns; all others are closed. It returns nil when none came in time.
func Open(ctx context.Context, o Opening) net.PacketConn {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	w := &waiting{opening: o, cancel: cancel}
	pace(ctx, Sockets, func(int) bool {
		socket, err := o.Socket()
		if err != nil {
			return false // the system has no more
		}
		if _, err := socket.WriteTo(o.Check(), net.UDPAddrFromAddrPort(o.Target)); err != nil {
			_ = socket.Close()
			return false // no way there
		}
		w.listen(socket)
		return true
	})
	<-ctx.Done()
	return w.end()
}

// waiting holds the sockets of one try.
type waiting struct {
	opening Opening
	cancel  context.CancelFunc
	readers sync.WaitGroup

	mu      sync.Mutex
	sockets []net.PacketConn
	hit     net.PacketConn
}

func (w *waiting) listen(socket net.PacketConn) {
	w.mu.Lock()
	w.sockets = append(w.sockets, socket)
	w.mu.Unlock()
	w.readers.Go(func() {
		buffer := make([]byte, 1500)
		for {
			n, addr, err := socket.ReadFrom(buffer)
			if err != nil {
				return
			}
			from, ok := addr.(*net.UDPAddr)
			if !ok || !w.opening.Ours(buffer[:n], from.AddrPort()) {
				continue
			}
			w.mu.Lock()
			if w.hit == nil {
				w.hit = socket
				w.cancel()
			}
			w.mu.Unlock()
			return
		}
	})
}

// end closes everything but what was hit, whose reader has ended too.
func (w *waiting) end() net.PacketConn {
	w.mu.Lock()
	hit := w.hit
	sockets := w.sockets
	w.mu.Unlock()
	for _, s := range sockets {
		if s != hit {
			_ = s.Close()
		}
	}
	w.readers.Wait()
	return hit
}
