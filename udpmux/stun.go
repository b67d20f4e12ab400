package udpmux

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/pion/stun/v4"
)

const (
	stunHeader  = 20
	magicCookie = 0x2112A442

	// maxTransactions bounds the STUN requests whose answers are awaited; the
	// oldest give way.
	maxTransactions = 1024

	// Retransmission of Binding requests (RFC 8489 §6.2.1), with the shorter
	// first interval that RFC 8445 §14.3 allows for gathering: 0, 250, 750,
	// 1750 and 3750 ms.
	initialRTO   = 250 * time.Millisecond
	maxRequests  = 5
	finalTimeout = 2 * time.Second
)

// ErrNoAnswer means that a STUN server did not answer any of the requests.
var ErrNoAnswer = errors.New("udpmux: the STUN server does not answer")

type transactionID [stun.TransactionIDSize]byte

// transactions remembers who sent which STUN request. Guarded by Mux.mu.
type transactions struct {
	owners map[transactionID]owner
	order  []transactionID // ring of the ids in the order of sending
	next   int
}

// owner gets the response to a request, if it comes from where that was sent.
type owner struct {
	to     netip.AddrPort
	conn   *Conn         // an ICE check, or
	answer chan<- answer // a Binding transaction of Bind
}

type answer struct {
	mapped netip.AddrPort
	err    error
}

func (t *transactions) add(id transactionID, o owner) {
	if t.owners == nil {
		t.owners = make(map[transactionID]owner)
	}
	if _, again := t.owners[id]; again {
		return // a retransmission
	}
	if len(t.order) < maxTransactions {
		t.order = append(t.order, id)
	} else {
		delete(t.owners, t.order[t.next])
		t.order[t.next] = id
		t.next = (t.next + 1) % maxTransactions
	}
	t.owners[id] = o
}

// Bind asks a STUN server for the address this socket has in its eyes: the
// server-reflexive address (RFC 8445 §5.1.1.2). It fails with ErrNoAnswer, with
// the server's error, or with the context's.
func (m *Mux) Bind(ctx context.Context, server netip.AddrPort) (netip.AddrPort, error) {
	server = canonical(server)
	request, err := stun.Build(stun.TransactionID, stun.BindingRequest, stun.Fingerprint)
	if err != nil {
		return netip.AddrPort{}, err
	}
	answers := make(chan answer, 1)
	id := transactionID(request.TransactionID)
	if err := m.expect(id, owner{to: server, answer: answers}); err != nil {
		return netip.AddrPort{}, err
	}
	defer m.forget(id)
	wait := initialRTO
	timer := time.NewTimer(0)
	defer timer.Stop()
	for sent := 0; ; {
		select {
		case <-ctx.Done():
			return netip.AddrPort{}, ctx.Err()
		case got := <-answers:
			return got.mapped, got.err
		case <-timer.C:
		}
		if sent == maxRequests {
			return netip.AddrPort{}, fmt.Errorf("%w: %v", ErrNoAnswer, server)
		}
		if err := m.WriteTo(request.Raw, server); err != nil {
			return netip.AddrPort{}, fmt.Errorf("udpmux: asking the STUN server %v: %w", server, err)
		}
		if sent++; sent == maxRequests {
			wait = finalTimeout
		}
		timer.Reset(wait)
		wait *= 2
	}
}

func (m *Mux) expect(id transactionID, o owner) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return ErrClosed
	}
	m.transactions.add(id, o)
	return nil
}

func (m *Mux) forget(id transactionID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.transactions.owners, id)
}

// dispatchSTUN finds the owner of a STUN message: of a response by its
// transaction, of a request or indication by the first half of its USERNAME,
// which is the receiver's fragment (RFC 8445 §7.2.2). A parser that panics
// costs the one packet.
func (m *Mux) dispatchSTUN(packet []byte, from netip.AddrPort) {
	defer func() {
		if reason := recover(); reason != nil {
			m.count.unclaimed.Add(1)
			m.log.Error("udpmux: parser failed on a packet", "from", from, "reason", reason, "bytes", len(packet))
		}
	}()
	class, id, ok := parseSTUNHeader(packet)
	if !ok {
		m.count.unclaimed.Add(1)
		return
	}
	if class == stun.ClassSuccessResponse || class == stun.ClassErrorResponse {
		m.mu.RLock()
		o, known := m.transactions.owners[id]
		m.mu.RUnlock()
		switch {
		case !known || o.to != from:
			m.fromTURN(packet, from)
		case o.conn != nil:
			if class == stun.ClassSuccessResponse {
				o.conn.heard(from)
			}
			o.conn.deliver(packet, from)
		default:
			select {
			case o.answer <- parseAnswer(packet):
			default: // answered already
			}
		}
		return
	}
	fragment, ok := receiverFragment(packet)
	if !ok {
		m.fromTURN(packet, from)
		return
	}
	m.mu.RLock()
	conn := m.conns[connKey{fragment, from.Addr().Is4()}]
	m.mu.RUnlock()
	if conn == nil {
		m.count.unclaimed.Add(1)
		return
	}
	conn.deliver(packet, from)
}

// fromTURN hands a message that is nobody else's to who speaks with the TURN
// server it comes from.
func (m *Mux) fromTURN(packet []byte, from netip.AddrPort) {
	if handler := m.turnHandler(from); handler != nil {
		handler(packet, from)
		return
	}
	m.count.unclaimed.Add(1)
}

// parseSTUNHeader checks the fixed header (RFC 8489 §5) and takes the class and
// the transaction out of it.
func parseSTUNHeader(packet []byte) (class stun.MessageClass, id transactionID, ok bool) {
	if len(packet) < stunHeader {
		return 0, id, false
	}
	length := int(packet[2])<<8 | int(packet[3])
	cookie := uint32(packet[4])<<24 | uint32(packet[5])<<16 | uint32(packet[6])<<8 | uint32(packet[7])
	if packet[0]&0xC0 != 0 || cookie != magicCookie || length%4 != 0 || stunHeader+length != len(packet) {
		return 0, id, false
	}
	var t stun.MessageType
	t.ReadValue(uint16(packet[0])<<8 | uint16(packet[1]))
	copy(id[:], packet[8:stunHeader])
	return t.Class, id, true
}

// receiverFragment finds USERNAME and returns what is before its colon. The
// header has been checked.
func receiverFragment(packet []byte) (string, bool) {
	for rest := packet[stunHeader:]; len(rest) >= 4; {
		kind := stun.AttrType(uint16(rest[0])<<8 | uint16(rest[1]))
		length := int(rest[2])<<8 | int(rest[3])
		padded := 4 + (length+3)&^3
		if padded > len(rest) {
			return "", false
		}
		if kind == stun.AttrUsername {
			fragment, _, found := strings.Cut(string(rest[4:4+length]), ":")
			return fragment, found
		}
		rest = rest[padded:]
	}
	return "", false
}

// parseAnswer reads the response to a Binding request of ours.
func parseAnswer(packet []byte) answer {
	var m stun.Message
	if err := stun.Decode(packet, &m); err != nil {
		return answer{err: fmt.Errorf("udpmux: the STUN server's answer: %w", err)}
	}
	if m.Contains(stun.AttrFingerprint) {
		if err := stun.Fingerprint.Check(&m); err != nil {
			return answer{err: fmt.Errorf("udpmux: the STUN server's answer: %w", err)}
		}
	}
	if m.Type != stun.BindingSuccess {
		var code stun.ErrorCodeAttribute
		_ = code.GetFrom(&m)
		return answer{err: fmt.Errorf("udpmux: the STUN server refuses with code %d", code.Code)}
	}
	var mapped stun.XORMappedAddress
	if err := mapped.GetFrom(&m); err != nil {
		return answer{err: fmt.Errorf("udpmux: the STUN server's answer has no address: %w", err)}
	}
	address, ok := netip.AddrFromSlice(mapped.IP)
	if !ok || mapped.Port < 1 || mapped.Port > 65535 || address.Unmap().IsUnspecified() {
		return answer{err: errors.New("udpmux: the STUN server's answer has no usable address")}
	}
	return answer{mapped: netip.AddrPortFrom(address.Unmap(), uint16(mapped.Port))}
}

// LocalFor tells from which local address packets to a remote one leave now, by
// the routing table. It sends nothing. The port is the socket's.
func (m *Mux) LocalFor(remote netip.AddrPort) (netip.AddrPort, error) {
	if !m.local.Addr().IsUnspecified() {
		return m.local, nil
	}
	source, err := sourceAddress(remote)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return netip.AddrPortFrom(source, m.local.Port()), nil
}
