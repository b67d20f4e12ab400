package path

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"godwit/jid"
)

// story drives one chat by hand.
type story struct {
	t    *testing.T
	now  time.Time
	chat *Chat
}

func begin(t *testing.T) *story {
	return &story{t: t, now: time.Unix(1_000_000, 0), chat: NewChat(Config{})}
}

// say turns effects into words, leaving out what is only told.
func say(effects []Effect) string {
	var out []string
	for _, e := range effects {
		to := "server"
		if e.Link != 0 {
			to = fmt.Sprint("link", e.Link)
		}
		switch e.Action {
		case Hand:
			out = append(out, e.ID+">"+to)
		case Probe, Repair:
			out = append(out, e.Action.String()+" "+to)
		case Drop:
			out = append(out, "drop "+to+" ("+e.Reason+")")
		case Changed:
			out = append(out, "["+e.Mode.String()+"]")
		case Sent, Delivered:
			out = append(out, e.Action.String()+" "+e.ID+" "+string(e.Via))
		case Failed, Settled:
			out = append(out, e.Action.String()+" "+e.ID)
		}
	}
	return strings.Join(out, ", ")
}

func (s *story) want(effects []Effect, want string) {
	s.t.Helper()
	if got := say(effects); got != want {
		s.t.Fatalf("got  %s\nwant %s", got, want)
	}
}

// pass lets time pass, waking the chat whenever it is due, and returns what happened in words.
func (s *story) pass(d time.Duration) string {
	s.t.Helper()
	var out []string
	for end := s.now.Add(d); ; {
		next := s.chat.Next()
		if next.IsZero() || next.After(end) {
			s.now = end
			return strings.Join(out, ", ")
		}
		if !next.After(s.now) {
			s.t.Fatalf("due at %v, which is not after %v", next, s.now)
		}
		s.now = next
		if words := say(s.chat.Wake(s.now)); words != "" {
			out = append(out, words)
		}
	}
}

func (s *story) tag() uint64 { return s.chat.seq }

// direct brings up link n to a device, proven, with the server up and nothing outstanding.
func (s *story) direct(n LinkID, device jid.JID) {
	s.t.Helper()
	if !s.chat.server.up {
		s.want(s.chat.ServerUp(s.now, false), "[server]")
	}
	s.want(s.chat.LinkUp(s.now, Link{ID: n, Device: device, Kind: Direct}), fmt.Sprint("probe link", n))
	s.pass(20 * time.Millisecond)
	s.want(s.chat.LinkAcked(s.now, n, 0), "[link]")
}

// beside is direct while something is outstanding.
func (s *story) beside(n LinkID, device jid.JID) {
	s.chat.ServerUp(s.now, false)
	s.chat.LinkUp(s.now, Link{ID: n, Device: device, Kind: Direct})
	s.want(s.chat.LinkAcked(s.now, n, 0), "")
}
