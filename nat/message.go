package nat

import (
	"encoding/binary"
	"net/netip"

	"github.com/pion/stun/v4"
)

// change is the value of CHANGE-REQUEST (RFC 5780 §7.2): from where the server
// is to answer.
type change uint32

const (
	asIs       change = 0
	changePort change = 0x2
	changeIP   change = 0x4
	changeBoth        = changeIP | changePort
)

// transaction tells one try from all others, late answers included.
type transaction = [stun.TransactionIDSize]byte

// request is a Binding request (RFC 8489 §3).
func request(id transaction, c change) []byte {
	m := stun.New()
	m.Type = stun.BindingRequest
	m.TransactionID = id
	m.WriteHeader()
	if c != asIs {
		var value [4]byte
		binary.BigEndian.PutUint32(value[:], uint32(c))
		m.Add(stun.AttrChangeRequest, value[:])
	}
	// Tells STUN from other protocols on a shared port (RFC 8489 §14.7).
	_ = stun.Fingerprint.AddTo(m)
	return m.Raw
}

// maxAnswer bounds an answer that is looked at, in bytes.
const maxAnswer = 1500

// answer is what a Binding response says.
type answer struct {
	id     transaction
	mapped netip.AddrPort // invalid in an error response
	other  netip.AddrPort // OTHER-ADDRESS (RFC 5780 §7.4); invalid if there is none
	code   int            // of an error response, 0 of a success
}

// parseAnswer reads a Binding response. What is no STUN, no Binding response, or
// a success that tells no address is no answer.
func parseAnswer(data []byte) (a answer, ok bool) {
	if len(data) > maxAnswer || !stun.IsMessage(data) {
		return answer{}, false
	}
	// The library has been made to panic by strangers before (CVE-2026-54909).
	defer func() {
		if recover() != nil {
			a, ok = answer{}, false
		}
	}()
	m := stun.New()
	if _, err := m.Write(data); err != nil {
		return answer{}, false
	}
	if m.Contains(stun.AttrFingerprint) && stun.Fingerprint.Check(m) != nil {
		return answer{}, false
	}
	a.id = m.TransactionID
	switch m.Type {
	case stun.BindingSuccess:
		a.mapped = addressOf(m)
		a.other = otherOf(m)
		return a, a.mapped.IsValid()
	case stun.BindingError:
		var code stun.ErrorCodeAttribute
		if code.GetFrom(m) != nil || code.Code < 300 || code.Code > 699 {
			return answer{}, false
		}
		a.code = int(code.Code)
		return a, true
	}
	return answer{}, false
}

// addressOf is the outside address a success tells. XOR-MAPPED-ADDRESS counts
// more: some NATs rewrite whatever looks like an address in the other one
// (RFC 8489 §14.1), which servers of RFC 3489 alone have.
func addressOf(m *stun.Message) netip.AddrPort {
	var xor stun.XORMappedAddress
	if xor.GetFrom(m) == nil {
		return endpoint(xor.IP, xor.Port)
	}
	var plain stun.MappedAddress
	if plain.GetFrom(m) == nil {
		return endpoint(plain.IP, plain.Port)
	}
	return netip.AddrPort{}
}

func otherOf(m *stun.Message) netip.AddrPort {
	var other stun.OtherAddress
	if other.GetFrom(m) == nil {
		return endpoint(other.IP, other.Port)
	}
	return netip.AddrPort{}
}

// endpoint is an address one can send to, or invalid.
func endpoint(ip []byte, port int) netip.AddrPort {
	a, ok := netip.AddrFromSlice(ip)
	a = a.Unmap()
	if !ok || port <= 0 || port > 65535 || a.IsUnspecified() || a.IsMulticast() {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a, uint16(port))
}
