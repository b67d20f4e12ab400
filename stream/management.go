package stream

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"

	"godwit/xep/sm"
	"godwit/xmlstream"
)

// DefaultMaxUnacked bounds a session's unacknowledged stanzas, in bytes.
const DefaultMaxUnacked = 4 << 20

// sentOverhead is what one queued stanza costs beside its bytes.
const sentOverhead = 256

// Management is the acknowledgement state of one session (XEP-0198 §4): what
// was handed to the peer and is not acknowledged, and what was received and is
// not yet safe to acknowledge. It outlives the link, and so lets a session
// hibernate and go on over another one.
//
// It is a plain value: no clock, no lock, no goroutine. Its owner is the Stream
// it is attached to or, after Stream.Detach, whoever called that.
//
// Counters are kept in 64 bits and appear on the wire modulo 2^32, as
// XEP-0198 §4 asks.
type Management struct {
	acked    uint64 // stanzas the peer has taken responsibility for
	unacked  []queued
	head     int // index of the oldest in unacked
	bytes    int
	maxBytes int

	received uint64 // stanzas read
	handled  uint64 // of these, how many in an unbroken row from the first are safe to acknowledge
	early    bitmap // handled before an older one was; bit i is number handled+2+i
}

type queued struct {
	Sent
	size int
}

// NewManagement returns the state of a new session whose queue holds at most
// maxBytes; 0 or less means DefaultMaxUnacked.
func NewManagement(maxBytes int) *Management {
	if maxBytes <= 0 {
		maxBytes = DefaultMaxUnacked
	}
	return &Management{maxBytes: maxBytes}
}

// NewResumeID returns an unguessable SM-ID: 144 bits from crypto/rand.
func NewResumeID() string {
	var b [18]byte
	rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Push counts a stanza as sent and keeps it until it is acknowledged. It fails
// with ErrTooManyUnacked, and keeps nothing, when the bound is reached. A
// single stanza is always accepted into an empty queue.
func (m *Management) Push(s Sent) error {
	size := s.Stanza.Size() + sentOverhead
	if m.Len() > 0 && m.bytes+size > m.maxBytes {
		return ErrTooManyUnacked
	}
	if m.head > 0 && len(m.unacked) == cap(m.unacked) && m.head >= len(m.unacked)/2 {
		n := copy(m.unacked, m.unacked[m.head:])
		clear(m.unacked[n:])
		m.unacked, m.head = m.unacked[:n], 0
	}
	m.unacked = append(m.unacked, queued{s, size})
	m.bytes += size
	return nil
}

// Len is the number of unacknowledged stanzas, Bytes what they weigh.
func (m *Management) Len() int { return len(m.unacked) - m.head }

// Bytes is the weight of the unacknowledged stanzas.
func (m *Management) Bytes() int { return m.bytes }

// SentCount is the number of stanzas sent, modulo 2^32.
func (m *Management) SentCount() uint32 { return uint32(m.acked + uint64(m.Len())) }

// Unacked returns what is unacknowledged, oldest first, appended to dst.
func (m *Management) Unacked(dst []Sent) []Sent {
	for i := m.head; i < len(m.unacked); i++ {
		dst = append(dst, m.unacked[i].Sent)
	}
	return dst
}

// Ack applies an h sent by the peer and appends what it releases to dst, oldest
// first. An h beyond what was sent is the peer's error: nothing changes and the
// *Error to end the stream with is returned (XEP-0198 §6).
func (m *Management) Ack(h uint32, dst []Sent) ([]Sent, error) {
	n := h - uint32(m.acked) // modulo 2^32
	if uint64(n) > uint64(m.Len()) {
		return dst, m.tooHigh(h)
	}
	for i := uint32(0); i < n; i++ {
		q := &m.unacked[m.head]
		dst = append(dst, q.Sent)
		m.bytes -= q.size
		*q = queued{}
		m.head++
	}
	m.acked += uint64(n)
	if m.head == len(m.unacked) {
		m.head = 0
		if cap(m.unacked) > 32 {
			m.unacked = nil // an idle session holds no large array
		} else {
			m.unacked = m.unacked[:0]
		}
	}
	return dst, nil
}

func (m *Management) tooHigh(h uint32) *Error {
	sent := m.SentCount()
	return &Error{
		Condition: UndefinedCondition,
		Text:      fmt.Sprintf("%d stanzas acknowledged, but only %d were sent", h, sent),
		App: xmlstream.NewNode(sm.NS, "handled-count-too-high",
			xmlstream.A("h", fmt.Sprint(h)), xmlstream.A("send-count", fmt.Sprint(sent))),
	}
}

// Receive counts a stanza as read and returns its number, from 1 on.
func (m *Management) Receive() uint64 {
	m.received++
	return m.received
}

// Handled says that what stanza seq promises is durable. The count told to the
// peer advances only over an unbroken row, so stanzas may be handled in any
// order. It reports whether H changed. Unknown numbers are ignored.
func (m *Management) Handled(seq uint64) bool {
	if seq <= m.handled || seq > m.received {
		return false
	}
	if seq > m.handled+1 {
		m.early.set(int(seq - m.handled - 2))
		return false
	}
	n := 1 + m.early.takeOnes()
	m.handled += uint64(n)
	return true
}

// H is the value of an <a h='…'/> now.
func (m *Management) H() uint32 { return uint32(m.handled) }

// InFlight is the number of stanzas received and not yet handled.
func (m *Management) InFlight() int { return int(m.received - m.handled) }

// detach forgets stanzas that were read but not handled: the peer will be told
// H at resumption and send them again (XEP-0198 §5).
func (m *Management) detach() {
	m.received = m.handled
	m.early = bitmap{}
}
