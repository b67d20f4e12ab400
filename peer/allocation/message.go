package allocation

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/pion/stun/v4"
)

// Family values of REQUESTED-ADDRESS-FAMILY (RFC 8656 §18.6).
const (
	familyIPv4 = 0x01
	familyIPv6 = 0x02
)

const (
	protocolUDP       = 17     // REQUESTED-TRANSPORT (RFC 8656 §18.7)
	channelMin        = 0x4000 // RFC 8656 §12
	channelMax        = 0x4FFF
	channelHeader     = 4
	stunHeader        = 20
	maxDatagram       = 2048 // larger ones do not come through a relay
	maxLifetime       = time.Hour
	fallbackLifetime  = 10 * time.Minute
	sendIndicationMax = 1600
)

var errFrame = errors.New("allocation: neither STUN nor channel data")

// attribute is one raw attribute.
type attribute struct {
	kind  stun.AttrType
	value []byte
}

// AddTo implements stun.Setter.
func (a attribute) AddTo(m *stun.Message) error {
	m.Add(a.kind, a.value)
	return nil
}

func requestedTransport() stun.Setter {
	return attribute{stun.AttrRequestedTransport, []byte{protocolUDP, 0, 0, 0}}
}

func requestedFamily(family byte) stun.Setter {
	return attribute{stun.AttrRequestedAddressFamily, []byte{family, 0, 0, 0}}
}

func lifetimeOf(d time.Duration) stun.Setter {
	return attribute{stun.AttrLifetime, binary.BigEndian.AppendUint32(nil, uint32(d/time.Second))}
}

func channelNumber(n uint16) stun.Setter {
	return attribute{stun.AttrChannelNumber, []byte{byte(n >> 8), byte(n), 0, 0}}
}

// peerAddress is XOR-PEER-ADDRESS (RFC 8656 §18.3).
type peerAddress netip.AddrPort

// AddTo implements stun.Setter.
func (p peerAddress) AddTo(m *stun.Message) error {
	a := netip.AddrPort(p)
	return stun.XORMappedAddress{IP: net.IP(a.Addr().AsSlice()), Port: int(a.Port())}.AddToAs(m, stun.AttrXORPeerAddress)
}

// addressIn reads an XOR-…-ADDRESS attribute.
func addressIn(m *stun.Message, kind stun.AttrType) (netip.AddrPort, bool) {
	var x stun.XORMappedAddress
	if err := x.GetFromAs(m, kind); err != nil {
		return netip.AddrPort{}, false
	}
	ip, ok := netip.AddrFromSlice(x.IP)
	if !ok || x.Port < 1 || x.Port > 65535 || ip.Unmap().IsUnspecified() {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(x.Port)), true
}

// lifetimeIn reads LIFETIME, within reason.
func lifetimeIn(m *stun.Message) time.Duration {
	value, err := m.Get(stun.AttrLifetime)
	if err != nil || len(value) != 4 {
		return fallbackLifetime
	}
	d := time.Duration(binary.BigEndian.Uint32(value)) * time.Second
	return max(min(d, maxLifetime), time.Minute)
}

// Error is a server's refusal.
type Error struct {
	Method string
	Code   int
}

func (e *Error) Error() string {
	return fmt.Sprintf("allocation: the TURN server refuses %s with code %d", e.Method, e.Code)
}

func refusal(m *stun.Message) *Error {
	var code stun.ErrorCodeAttribute
	_ = code.GetFrom(m) // 0 when it has none
	return &Error{Method: m.Type.Method.String(), Code: int(code.Code)}
}

func refusedWith(err error, code stun.ErrorCode) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == int(code)
}

// indication wraps a datagram in a Send indication (RFC 8656 §11.1).
func indication(to netip.AddrPort, data []byte) ([]byte, error) {
	m, err := stun.Build(stun.TransactionID, stun.NewType(stun.MethodSend, stun.ClassIndication),
		peerAddress(to), attribute{stun.AttrData, data})
	if err != nil {
		return nil, err
	}
	return m.Raw, nil
}

// channelData wraps a datagram for a channel (RFC 8656 §12.4). On a stream it is
// padded to four bytes (§12.5).
func channelData(channel uint16, data []byte, stream bool) []byte {
	size := channelHeader + len(data)
	if stream {
		size = (size + 3) &^ 3
	}
	b := make([]byte, size)
	binary.BigEndian.PutUint16(b, channel)
	binary.BigEndian.PutUint16(b[2:], uint16(len(data)))
	copy(b[channelHeader:], data)
	return b
}

// parseChannelData takes the datagram out. What follows it is padding.
func parseChannelData(b []byte) (channel uint16, data []byte, ok bool) {
	if len(b) < channelHeader {
		return 0, nil, false
	}
	channel = binary.BigEndian.Uint16(b)
	length := int(binary.BigEndian.Uint16(b[2:]))
	if channel < channelMin || channel > channelMax || length > len(b)-channelHeader {
		return 0, nil, false
	}
	return channel, b[channelHeader : channelHeader+length], true
}

// frameLength tells from the first four bytes how long a message on a stream is,
// with padding (RFC 8489 §6.2.2, RFC 8656 §12.5).
func frameLength(header []byte) (int, error) {
	length := int(binary.BigEndian.Uint16(header[2:]))
	switch first := header[0]; {
	case first <= 3:
		if length%4 != 0 {
			return 0, errFrame
		}
		length += stunHeader
	case first >= 64 && first <= 79:
		length = (channelHeader + length + 3) &^ 3
	default:
		return 0, errFrame
	}
	return length, nil
}
