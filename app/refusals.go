package app

import (
	"log/slog"
	"net"
	"sync"
	"time"
)

// refusalPause is how long after one line in the log about a refused connection the next comes: whoever opens too many opens many too many.
const refusalPause = 10 * time.Second

// refusals logs connections refused by a limit, not each of them. Safe for concurrent use.
type refusals struct {
	log *slog.Logger

	mu     sync.Mutex // guards the rest
	last   time.Time
	untold int
}

func (r *refusals) tell(remote net.Addr) {
	r.mu.Lock()
	now := time.Now()
	if now.Sub(r.last) < refusalPause {
		r.untold++
		r.mu.Unlock()
		return
	}
	more := r.untold
	r.last, r.untold = now, 0
	r.mu.Unlock()
	r.log.Warn("connection refused: too many", "address", remote.String(), "untold_before", more)
}
