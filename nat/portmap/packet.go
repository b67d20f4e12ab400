package portmap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Errors of the parsers: such packets are ignored.
var (
	errShort   = errors.New("too short")
	errStrange = errors.New("not an answer to what was asked")
)

const (
	protocolUDP  = 17
	response     = 0x80 // set in the opcode of answers, by both protocols
	pcpVersion   = 2
	pcpAnnounce  = 0
	pcpMap       = 1
	pcpHeader    = 24
	pcpMapLength = 60
	pcpMaxLength = 1100 // RFC 6887 §7
	pmpVersion   = 0
	pmpExternal  = 0
	pmpMapUDP    = 1
)

// pcpReasons are the result codes of RFC 6887 §7.4.
var pcpReasons = map[int]string{
	1: "unsupported version", 2: "not authorized", 3: "malformed request", 4: "unsupported operation", 5: "unsupported option", 6: "malformed option",
	7: "network failure", 8: "no resources", 9: "unsupported protocol", 10: "quota exceeded", 11: "cannot provide that external port",
	12: "another NAT stands in between", 13: "too many remote peers",
}

// pmpReasons are the result codes of RFC 6886 §3.5.
var pmpReasons = map[int]string{
	1: "unsupported version", 2: "not authorized, or switched off", 3: "network failure", 4: "out of resources", 5: "unsupported operation",
}

func reason(table map[int]string, code int) string {
	if r, ok := table[code]; ok {
		return r
	}
	return "unknown reason"
}

// nonce ties PCP's answers to our questions, and a mapping to who made it
// (RFC 6887 §11.2).
type nonce [12]byte

// pcpRequest is the header of a request (RFC 6887 §7.1).
func pcpRequest(opcode byte, lifetime time.Duration, client netip.Addr) []byte {
	b := make([]byte, pcpHeader, pcpMapLength)
	b[0], b[1] = pcpVersion, opcode
	binary.BigEndian.PutUint32(b[4:], seconds(lifetime))
	address := client.WithZone("").As16()
	copy(b[8:], address[:])
	return b
}

// pcpMapRequest asks to map an inside UDP port (RFC 6887 §11.1); lifetime 0
// removes the mapping. The suggested outside address says the family even when
// it is unspecified.
func pcpMapRequest(n nonce, lifetime time.Duration, client netip.Addr, port uint16, suggested netip.AddrPort) []byte {
	b := pcpRequest(pcpMap, lifetime, client)[:pcpMapLength]
	copy(b[24:], n[:])
	b[36] = protocolUDP
	binary.BigEndian.PutUint16(b[40:], port)
	binary.BigEndian.PutUint16(b[42:], suggested.Port())
	address := suggested.Addr().As16()
	copy(b[44:], address[:])
	return b
}

// pcpAnswer is an answer to either opcode; what follows epoch is MAP's.
type pcpAnswer struct {
	opcode   byte
	result   int
	lifetime time.Duration
	epoch    uint32

	nonce    nonce
	port     uint16
	external netip.AddrPort
}

// parsePCP reads an answer (RFC 6887 §7.2, §11.1). A server that speaks NAT-PMP
// only answers in its own version; that is an answer too (appendix A).
func parsePCP(b []byte) (pcpAnswer, error) {
	switch {
	case len(b) >= 4 && b[0] != pcpVersion && b[1]&response != 0:
		return pcpAnswer{opcode: b[1] &^ response, result: 1}, nil
	case len(b) < pcpHeader:
		return pcpAnswer{}, errShort
	case len(b) > pcpMaxLength || len(b)%4 != 0 || b[1]&response == 0:
		return pcpAnswer{}, errStrange
	}
	a := pcpAnswer{
		opcode: b[1] &^ response, result: int(b[3]),
		lifetime: time.Duration(binary.BigEndian.Uint32(b[4:])) * time.Second,
		epoch:    binary.BigEndian.Uint32(b[8:]),
	}
	if a.opcode != pcpMap {
		return a, nil
	}
	if len(b) < pcpMapLength {
		return pcpAnswer{}, errShort
	}
	copy(a.nonce[:], b[24:])
	if b[36] != protocolUDP {
		return pcpAnswer{}, errStrange
	}
	a.port = binary.BigEndian.Uint16(b[40:])
	a.external = netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[44:60])).Unmap(), binary.BigEndian.Uint16(b[42:]))
	return a, nil
}

// pmpExternalRequest asks for the outside address (RFC 6886 §3.2).
func pmpExternalRequest() []byte { return []byte{pmpVersion, pmpExternal} }

// pmpMapRequest asks to map an inside UDP port (RFC 6886 §3.3); lifetime 0
// removes the mapping.
func pmpMapRequest(lifetime time.Duration, port, suggested uint16) []byte {
	b := make([]byte, 12)
	b[0], b[1] = pmpVersion, pmpMapUDP
	binary.BigEndian.PutUint16(b[4:], port)
	binary.BigEndian.PutUint16(b[6:], suggested)
	binary.BigEndian.PutUint32(b[8:], seconds(lifetime))
	return b
}

// pmpAnswer is an answer to either request.
type pmpAnswer struct {
	opcode byte
	result int
	epoch  uint32

	address  netip.Addr // of pmpExternal
	port     uint16     // of pmpMapUDP, as the others
	external uint16
	lifetime time.Duration
}

// parsePMP reads an answer. One that refuses may be cut short, which routers do.
func parsePMP(b []byte) (pmpAnswer, error) {
	if len(b) < 4 {
		return pmpAnswer{}, errShort
	}
	if b[1]&response == 0 {
		return pmpAnswer{}, errStrange
	}
	if b[0] != pmpVersion {
		// A server of PCP only answers in its own version (RFC 6887 appendix A).
		return pmpAnswer{opcode: b[1] &^ response, result: 1}, nil
	}
	a := pmpAnswer{opcode: b[1] &^ response, result: int(binary.BigEndian.Uint16(b[2:]))}
	if len(b) >= 8 {
		a.epoch = binary.BigEndian.Uint32(b[4:])
	}
	switch {
	case a.result != 0:
	case a.opcode == pmpExternal && len(b) >= 12:
		a.address = netip.AddrFrom4([4]byte(b[8:12]))
	case a.opcode == pmpMapUDP && len(b) >= 16:
		a.port, a.external = binary.BigEndian.Uint16(b[8:]), binary.BigEndian.Uint16(b[10:])
		a.lifetime = time.Duration(binary.BigEndian.Uint32(b[12:])) * time.Second
	case a.opcode == pmpExternal || a.opcode == pmpMapUDP:
		return pmpAnswer{}, errShort
	default:
		return pmpAnswer{}, fmt.Errorf("%w: opcode %d", errStrange, a.opcode)
	}
	return a, nil
}

func seconds(d time.Duration) uint32 { return uint32(max(0, min(d/time.Second, 1<<31))) }

// epoch remembers a router's clock, which starts again when the router has lost
// its mappings.
type epoch struct {
	known bool
	value uint32
	at    time.Time
}

// advance takes the next value and tells whether the router has kept its state
// since the one before (RFC 6887 §8.5, RFC 6886 §3.6: both clocks may differ by a
// sixteenth, and by two seconds).
func (e *epoch) advance(value uint32, now time.Time) (kept bool) {
	before := *e
	*e = epoch{known: true, value: value, at: now}
	if !before.known {
		return true
	}
	client, server := int64(now.Sub(before.at)/time.Second), int64(value)-int64(before.value)
	switch {
	case server < -1:
		return false
	case client+2 < server-server/16, server+2 < client-client/16:
		return false
	}
	return true
}
