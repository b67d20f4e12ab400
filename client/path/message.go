package path

import (
	"slices"
	"sort"
	"time"
)

// msg is one message of the chat, from Add until it is forgotten.
type msg struct {
	id    string
	route Route // asked for this message alone, or ""

	// seq is its place in the sender's order, given when it is first handed to a path; 0 while it waits.
	seq uint64
	// serverSeq is the place under which it first went to the server, 0 if it never did; what the server path confirms is
	// confirmed for that place.
	serverSeq uint64
	serverAt  time.Time
	refused   string // an error came back, but a link may still deliver it

	atServer  bool // the server has taken responsibility
	sent      bool // Sent was reported
	delivered bool // Delivered was reported
	failed    bool // Failed was reported
	settled   bool // Settled was reported: what remains only keeps a place in the order
	settledAt time.Time
}

// window holds the messages that were handed over and may not be at the peer yet, in the sender's order.
type window struct {
	list []*msg
}

func (w *window) push(m *msg) { w.list = append(w.list, m) }

// after returns the messages whose place is after seq.
func (w *window) after(seq uint64) []*msg {
	n := len(w.list)
	if n == 0 || w.list[n-1].seq <= seq {
		return nil
	}
	return w.list[sort.Search(n, func(i int) bool { return w.list[i].seq > seq }):]
}

// dropHead removes the first n messages.
func (w *window) dropHead(n int) {
	clear(w.list[:n])
	w.list = w.list[n:]
	if len(w.list) == 0 {
		w.list = nil
	}
}

// remove takes out the messages for which f is true and returns them.
func (w *window) remove(f func(*msg) bool) (out []*msg) {
	w.list = slices.DeleteFunc(w.list, func(m *msg) bool {
		if !f(m) {
			return false
		}
		out = append(out, m)
		return true
	})
	return out
}
