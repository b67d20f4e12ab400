package app

import (
	"maps"
	"strconv"
	"sync"

	"godwit/admin"
	"godwit/tcpmux"
)

// webCount counts requests to the HTTP face. Safe for concurrent use.
type webCount struct {
	mu        sync.Mutex // guards the rest
	requests  map[string]uint64
	responses map[string]uint64
}

func newWebCount() *webCount {
	return &webCount{requests: map[string]uint64{}, responses: map[string]uint64{}}
}

// add is for web.Config.Count.
func (c *webCount) add(class string, status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests[class]++
	c.responses[strconv.Itoa(status/100)+"xx"]++
}

// countWeb hands what the HTTP face and its port count to the metrics.
func (n *node) countWeb(src *admin.Source) {
	if n.web == nil || n.https == nil && n.mux == nil {
		return
	}
	src.HTTP = func() admin.HTTP {
		n.webCount.mu.Lock()
		t := admin.HTTP{Requests: maps.Clone(n.webCount.requests), Responses: maps.Clone(n.webCount.responses)}
		n.webCount.mu.Unlock()
		if n.https != nil {
			stats := n.https.Stats()
			t.Pending, t.Closed = stats.Pending, closedReasons(stats)
		}
		return t
	}
}

// closedReasons are the words for why a port closed connections that had not reached a protocol.
func closedReasons(t tcpmux.Stats) map[string]uint64 {
	return map[string]uint64{
		"limit": t.Refused, "silent": t.Silent, "slow": t.Slow, "handshake": t.Handshake, "unknown": t.Unknown,
		"http": t.PlainHTTP, "off": t.Unserved, "busy": t.Dropped, "defect": t.Panics,
	}
}
