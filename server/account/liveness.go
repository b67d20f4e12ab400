package account

import "time"

// ackPause is how long a session may be silent before it is asked to acknowledge what it got. Streams ask by themselves after so many
// stanzas; this is for the rest.
const ackPause = 2 * time.Second

// expectAck makes sure that what was just sent is acknowledged before long, or the connection given up: a client that vanished without a word
// is found out by the first message for it.
func (a *Account) expectAck(s *Session) {
	if s.ackTimer != nil || s.out == nil || !s.out.Managed() {
		return
	}
	out, registry := s.out, a.registry
	s.ackTimer = time.AfterFunc(ackPause, func() {
		registry.do(a.owner, false, func(a *Account) { a.askAck(s, out) })
	})
}

// askAck asks, and comes back when the answer is due.
func (a *Account) askAck(s *Session, out Outlet) {
	s.ackTimer = nil
	if s.ended || s.out != out {
		return
	}
	if n, _ := out.Unacked(); n == 0 || !out.RequestAck() {
		return
	}
	asked, registry := time.Now(), a.registry
	s.ackTimer = time.AfterFunc(registry.cfg.AckDeadline, func() {
		registry.do(a.owner, false, func(a *Account) {
			s.ackTimer = nil
			if s.ended || s.out != out {
				return
			}
			if s.lastAck.Load() < asked.UnixNano() {
				a.log().Info("the client acknowledges nothing", "session", s.Log, "resource", s.JID.Resource())
				out.Abort() // its reader notices, and the session hibernates
				return
			}
			if n, _ := out.Unacked(); n > 0 {
				a.expectAck(s)
			}
		})
	})
}

func (s *Session) stopAckTimer() {
	if s.ackTimer != nil {
		s.ackTimer.Stop()
		s.ackTimer = nil
	}
}
