package guess

import (
	"crypto/rand"
	"encoding/binary"
	"net/netip"
	"sync"
	"time"

	"godwit/xep/reach"
)

// The bounds of one try, on each side.
const (
	Sockets   = 256
	MaxProbes = 1024
	Rate      = 200 // packets a second
	firstPort = 1024
	lastPort  = 65535
	// Patience is how long a try lasts: all probes, and some time for the last.
	Patience = 10 * time.Second
	// Remember is how long a network is left alone where a try was in vain.
	Remember = 15 * time.Minute
	// headStart is what the side with many sockets gets to open most of them.
	headStart   = 400 * time.Millisecond
	maxHopeless = 256
)

// Role is what a side does.
type Role uint8

// The roles.
const (
	None  Role = iota // guessing does not help, or is not needed
	Opens             // opens many sockets: our router is symmetric
	Sends             // sends to many ports: the peer's is
)

// RoleOf decides from what both sides know of their networks. It may be wrong, as
// all such knowledge (RFC 5780 §1); then nothing is hit.
func RoleOf(ours, theirs reach.Reach) Role {
	if ours.Mapped != "" || theirs.Mapped != "" {
		return None // a port is mapped, which ordinary checks find
	}
	switch {
	case ours.Class == reach.Symmetric && theirs.Class == reach.PortRestricted:
		return Opens
	case ours.Class == reach.PortRestricted && theirs.Class == reach.Symmetric:
		return Sends
	}
	return None
}

// ports draws count different ports at random.
func ports(count int) []uint16 {
	all := make([]uint16, 0, lastPort-firstPort+1)
	for p := firstPort; p <= lastPort; p++ {
		all = append(all, uint16(p))
	}
	count = min(count, len(all))
	random := make([]byte, 4*count)
	_, _ = rand.Read(random) // never fails
	for i := range count {
		j := i + int(binary.BigEndian.Uint32(random[4*i:]))%(len(all)-i)
		all[i], all[j] = all[j], all[i]
	}
	return all[:count]
}

// allowance is how many packets may have been sent after a time.
func allowance(elapsed time.Duration, limit int) int {
	return min(1+int(elapsed*Rate/time.Second), limit)
}

// Gate lets one try run at a time and remembers where it was in vain. The zero
// value is ready; it is safe for concurrent use, its state is leaf data under mu.
type Gate struct {
	mu       sync.Mutex
	busy     bool
	hopeless map[netip.Addr]time.Time // until
}

// Begin lets a try towards a network begin, or refuses. done ends it.
func (g *Gate) Begin(network netip.Addr, now time.Time) (done func(found bool), ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.busy || now.Before(g.hopeless[network]) {
		return nil, false
	}
	g.busy = true
	var once sync.Once
	return func(found bool) {
		once.Do(func() {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.busy = false
			delete(g.hopeless, network)
			if !found {
				g.remember(network, time.Now().Add(Remember))
			}
		})
	}, true
}

// remember notes a failure. Called with mu held.
func (g *Gate) remember(network netip.Addr, until time.Time) {
	if g.hopeless == nil {
		g.hopeless = make(map[netip.Addr]time.Time)
	}
	if len(g.hopeless) >= maxHopeless {
		for a := range g.hopeless { // any: the bound is what matters
			delete(g.hopeless, a)
			break
		}
	}
	g.hopeless[network] = until
}

// Forget drops what was learned on another network of ours.
func (g *Gate) Forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	clear(g.hopeless)
}
