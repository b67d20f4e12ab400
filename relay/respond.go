package relay

import (
	"encoding/binary"
	"net/netip"

	"github.com/pion/stun/v4"
)

// Sizes of the wire format, in bytes (RFC 8489 §5).
const (
	headerSize  = 20
	magicCookie = 0x2112A442

	// maxMessage bounds a message that is looked at. Binding requests are some
	// tens of bytes; RFC 8489 §6.1 keeps requests below the path's MTU.
	maxMessage = 1280

	// maxUnknown bounds the types named in one UNKNOWN-ATTRIBUTES, so that an
	// error is never longer than the request that caused it.
	maxUnknown = 8

	// attributeUserhash is USERHASH (RFC 8489 §14.4), not named by the library.
	attributeUserhash stun.AttrType = 0x001E
)

// verdict says what became of one message.
type verdict uint8

const (
	verdictAnswered  verdict = iota // a success response
	verdictRefused                  // an error response
	verdictIgnored                  // well formed, but nothing to answer
	verdictMalformed                // not STUN, or broken
)

// responder turns a message into its answer. It holds scratch space, so one
// goroutine owns it.
type responder struct {
	request  stun.Message
	response stun.Message

	// What the answer to a Binding request depends on besides the request. Where
	// discovery is nil, RFC 5780 is not served.
	discovery *discovery
	local     netip.AddrPort // where the message arrived
	second    bool           // at the other port of discovery

	leave leaving // how the last answer leaves
}

// respond computes the answer to one message that came from the given address.
// The returned bytes are valid until the next call; they are nil unless the
// verdict says answered or refused. The input is not modified. An answer leaves
// as r.leave says.
func (r *responder) respond(data []byte, from netip.AddrPort) ([]byte, verdict) {
	r.leave = leaving{}
	if !wellFramed(data) {
		return nil, verdictMalformed
	}
	r.request.Reset()
	if _, err := r.request.Write(data); err != nil {
		return nil, verdictMalformed
	}
	request := &r.request
	fingerprint, ok := checkFingerprint(request)
	if !ok {
		// RFC 8489 §6.3: a message with a wrong FINGERPRINT is discarded.
		return nil, verdictMalformed
	}
	// RFC 8489 §6.3.2: indications get no answer; responses were never asked for;
	// a method that is not served here is not answered either.
	if request.Type != stun.BindingRequest {
		return nil, verdictIgnored
	}
	r.response.Reset()
	response := &r.response
	response.TransactionID = request.TransactionID
	outcome := r.bind(from)
	if outcome == verdictMalformed {
		return nil, outcome
	}
	if fingerprint {
		_ = stun.Fingerprint.AddTo(response)
	}
	return response.Raw, outcome
}

// bind writes the answer to a Binding request without its FINGERPRINT.
func (r *responder) bind(from netip.AddrPort) verdict {
	request, response, d := &r.request, &r.response, r.discovery
	unknown := unknownRequired(request, d != nil)
	changeAddress, changePort, changes, ok := changeRequest(request)
	if len(unknown) == 0 && !ok {
		return r.fail(stun.CodeBadRequest, nil)
	}
	if len(unknown) == 0 && d != nil {
		if r.leave, ok = d.turnTo(r.local.Addr(), r.second, changeAddress, changePort); !ok {
			unknown = append(unknown, stun.AttrChangeRequest) // RFC 5780 §6.1
		}
	}
	if len(unknown) > 0 {
		return r.fail(stun.CodeUnknownAttribute, unknown)
	}
	address := from.Addr().Unmap()
	response.Type = stun.BindingSuccess
	response.WriteHeader()
	mapped := stun.XORMappedAddress{IP: address.AsSlice(), Port: int(from.Port())}
	if err := mapped.AddTo(response); err != nil {
		return verdictMalformed
	}
	if d == nil {
		return verdictAnswered
	}
	if changes {
		// RFC 5780 §6.1 wants both forms, so that a router that rewrites addresses
		// in payloads shows. Only who asks in its words gets the longer answer.
		addPlain(response, stun.AttrMappedAddress, from)
	}
	if origin := r.leave.local; origin.Addr().IsValid() {
		addPlain(response, stun.AttrResponseOrigin, netip.AddrPortFrom(d.public(origin.Addr()), origin.Port()))
	}
	if other := d.other(r.local.Addr(), r.second); other.IsValid() {
		addPlain(response, stun.AttrOtherAddress, other)
	}
	return verdictAnswered
}

// fail writes an error. The reason phrase stays empty: it would only make
// reflection pay.
func (r *responder) fail(code stun.ErrorCode, unknown stun.UnknownAttributes) verdict {
	r.leave = leaving{}
	r.response.Type = stun.BindingError
	r.response.WriteHeader()
	_ = stun.ErrorCodeAttribute{Code: code}.AddTo(&r.response)
	if len(unknown) > 0 {
		_ = unknown.AddTo(&r.response)
	}
	return verdictRefused
}

// wellFramed checks the fixed header (RFC 8489 §5): two zero bits, the magic
// cookie, and a length that is a multiple of four and exactly fills the data.
func wellFramed(data []byte) bool {
	if len(data) < headerSize || len(data) > maxMessage {
		return false
	}
	return headerValid(data) && headerSize+int(binary.BigEndian.Uint16(data[2:4])) == len(data)
}

// headerValid checks the part of the header that does not depend on how much
// has been read. The slice holds at least 20 bytes.
func headerValid(header []byte) bool {
	length := binary.BigEndian.Uint16(header[2:4])
	return header[0]&0xC0 == 0 && length%4 == 0 &&
		binary.BigEndian.Uint32(header[4:8]) == magicCookie
}

// checkFingerprint reports whether FINGERPRINT is present, and whether the
// message is acceptable in that respect. FINGERPRINT must be the last attribute
// (RFC 8489 §14.7).
func checkFingerprint(m *stun.Message) (present, ok bool) {
	for i, attribute := range m.Attributes {
		if attribute.Type != stun.AttrFingerprint {
			continue
		}
		if i != len(m.Attributes)-1 {
			return true, false
		}
		return true, stun.Fingerprint.Check(m) == nil
	}
	return false, true
}

// unknownRequired lists the comprehension-required attributes (RFC 8489 §14)
// that this server does not understand, each once. Of those of RFC 5780 it
// understands CHANGE-REQUEST, where discovery is served, and never PADDING and
// RESPONSE-PORT, which would make it send more than was asked for, and to where
// nobody asked.
func unknownRequired(m *stun.Message, discovery bool) stun.UnknownAttributes {
	var unknown stun.UnknownAttributes
next:
	for _, attribute := range m.Attributes {
		if !attribute.Type.Required() || understood(attribute.Type) ||
			discovery && attribute.Type == stun.AttrChangeRequest {
			continue
		}
		for _, known := range unknown {
			if known == attribute.Type {
				continue next
			}
		}
		if len(unknown) == maxUnknown {
			break
		}
		unknown = append(unknown, attribute.Type)
	}
	return unknown
}

// understood tells the comprehension-required attributes of RFC 8489 §18.3.1.
// Authentication is not asked for a Binding, so its attributes are understood
// and ignored. CHANGE-REQUEST is left out on purpose: refusing it is how a client
// learns that RFC 5780 is not served.
func understood(t stun.AttrType) bool {
	switch t {
	case stun.AttrMappedAddress, stun.AttrUsername, stun.AttrMessageIntegrity, stun.AttrErrorCode,
		stun.AttrUnknownAttributes, stun.AttrRealm, stun.AttrNonce, stun.AttrMessageIntegritySHA256,
		stun.AttrPasswordAlgorithm, attributeUserhash, stun.AttrXORMappedAddress:
		return true
	}
	return false
}
