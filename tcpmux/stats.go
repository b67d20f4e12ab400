package tcpmux

import "sync/atomic"

// Stats are totals since the start. Every connection accepted is counted once more by what became of it, when that is known.
type Stats struct {
	Accepted uint64
	// Handed over to their protocol.
	XMPP, XMPPPlain, TURN, TURNPlain, HTTP uint64
	// Not handed over.
	Refused   uint64 // a limit of connections
	Silent    uint64 // ended or timed out without a byte
	Slow      uint64 // did not say what it is, or did not finish the handshake, in time
	Handshake uint64 // TLS failed
	Unknown   uint64 // none of the protocols
	PlainHTTP uint64 // HTTP without TLS
	Unserved  uint64 // a protocol that is switched off
	Dropped   uint64 // its protocol did not take it in time, or the port was closed
	Panics    uint64 // a defect; always worth a report

	Pending int64 // being told apart now
}

type counters struct {
	accepted, xmpp, xmppPlain, turn, turnPlain, http                                atomic.Uint64
	refused, silent, slow, handshake, unknown, plainHTTP, unserved, dropped, panics atomic.Uint64
	pending                                                                         atomic.Int64
}

// Stats returns the totals. Safe for concurrent use.
func (m *Mux) Stats() Stats {
	c := &m.count
	return Stats{
		Accepted: c.accepted.Load(),
		XMPP:     c.xmpp.Load(), XMPPPlain: c.xmppPlain.Load(), TURN: c.turn.Load(), TURNPlain: c.turnPlain.Load(), HTTP: c.http.Load(),
		Refused: c.refused.Load(), Silent: c.silent.Load(), Slow: c.slow.Load(), Handshake: c.handshake.Load(), Unknown: c.unknown.Load(),
		PlainHTTP: c.plainHTTP.Load(), Unserved: c.unserved.Load(), Dropped: c.dropped.Load(), Panics: c.panics.Load(),
		Pending: c.pending.Load(),
	}
}

// handed counts a connection that its protocol took.
func (c *counters) handed(k Kind, secure bool) {
	switch {
	case k == XMPP && secure:
		c.xmpp.Add(1)
	case k == XMPP:
		c.xmppPlain.Add(1)
	case k == TURN && secure:
		c.turn.Add(1)
	case k == TURN:
		c.turnPlain.Add(1)
	case k == HTTP:
		c.http.Add(1)
	}
}
