package jid

import "strings"

// JID is an XMPP address: an optional local part, a domain and an optional resource. The zero value is "no
// address". The normalised text determines where the parts begin (neither a local part nor a domain can contain '@'
// or '/'), so comparing two JIDs with == compares the addresses.
type JID struct {
	text string
	// at is the length of the local part; the '@' stands there unless at is 0. end is the length of the bare part.
	// Both fit: no part is longer than 1023 bytes.
	at, end uint16
}

// Parse reads an address and brings it into its normal form (RFC 7622 §3). An address that is ASCII and already
// normal costs no allocation; the JID then keeps s alive. The error is an *Error.
func Parse(s string) (JID, error) {
	at, end, form := classify(s)
	switch form {
	case formNormal:
		return JID{text: s, at: uint16(at), end: uint16(end)}, nil
	case formUpper:
		return JID{text: lowerBare([]byte(s), end), at: uint16(at), end: uint16(end)}, nil
	}
	return parseSlow(s)
}

// ParseBytes is Parse for bytes, which it copies. The common ASCII address costs the one allocation of its text.
func ParseBytes(b []byte) (JID, error) {
	at, end, form := classify(b)
	switch form {
	case formNormal:
		return JID{text: string(b), at: uint16(at), end: uint16(end)}, nil
	case formUpper:
		return JID{text: lowerBare(append([]byte(nil), b...), end), at: uint16(at), end: uint16(end)}, nil
	}
	if len(b) > maxRaw {
		return JID{}, tooLong(PartAddress)
	}
	return parseSlow(string(b))
}

// MustParse is Parse for addresses known to be right, such as constants; it panics when they are not.
func MustParse(s string) JID {
	j, err := Parse(s)
	if err != nil {
		panic(err)
	}
	return j
}

// New builds an address of its parts, preparing and enforcing each (RFC 7622 §3.2–3.4). An empty local part or
// resource is left out; an empty domain is an error. The error is an *Error.
func New(local, domain, resource string) (JID, error) {
	l, err := prepareLocal(local)
	if err != nil {
		return JID{}, err
	}
	d, err := prepareDomain(domain)
	if err != nil {
		return JID{}, err
	}
	r, err := prepareResource(resource)
	if err != nil {
		return JID{}, err
	}
	return join(l, d, r), nil
}

// join assembles parts that are already in normal form.
func join(local, domain, resource string) JID {
	var b strings.Builder
	b.Grow(len(local) + len(domain) + len(resource) + 2)
	if local != "" {
		b.WriteString(local)
		b.WriteByte('@')
	}
	b.WriteString(domain)
	end := b.Len()
	if resource != "" {
		b.WriteByte('/')
		b.WriteString(resource)
	}
	return JID{text: b.String(), at: uint16(len(local)), end: uint16(end)}
}

// Local returns the part before '@', or "".
func (j JID) Local() string { return j.text[:j.at] }

// Domain returns the domain; it is "" only for the zero value. An IPv6 address keeps its brackets.
func (j JID) Domain() string {
	if j.at == 0 {
		return j.text[:j.end]
	}
	return j.text[j.at+1 : j.end]
}

// Resource returns the part after the first '/', or "".
func (j JID) Resource() string {
	if int(j.end) == len(j.text) {
		return ""
	}
	return j.text[j.end+1:]
}

// String returns the normalised address, "" for the zero value.
func (j JID) String() string { return j.text }

// Bare returns the address without its resource (RFC 6120 §1.4).
func (j JID) Bare() JID { return JID{text: j.text[:j.end], at: j.at, end: j.end} }

// DomainJID returns the address of the domain alone.
func (j JID) DomainJID() JID {
	d := j.Domain()
	return JID{text: d, end: uint16(len(d))}
}

// WithResource returns the address with another resource; "" takes it away. The resource is prepared and enforced
// (RFC 7622 §3.4); the error is an *Error. The zero value has no domain and takes no resource.
func (j JID) WithResource(resource string) (JID, error) {
	if j.IsZero() {
		return JID{}, &Error{Part: PartDomain, Reason: "is empty"}
	}
	if resource == "" {
		return j.Bare(), nil
	}
	r, err := prepareResource(resource)
	if err != nil {
		return JID{}, err
	}
	return JID{text: j.text[:j.end] + "/" + r, at: j.at, end: j.end}, nil
}

// IsZero reports whether there is no address.
func (j JID) IsZero() bool { return j.text == "" }

// IsBare reports whether the address has no resource: user@domain or domain.
func (j JID) IsBare() bool { return j.text != "" && int(j.end) == len(j.text) }

// IsFull reports whether the address has a resource: user@domain/resource or domain/resource.
func (j JID) IsFull() bool { return int(j.end) != len(j.text) }

// IsDomain reports whether the address is a domain alone.
func (j JID) IsDomain() bool { return j.at == 0 && j.IsBare() }

// MarshalText implements encoding.TextMarshaler; the zero value is empty text.
func (j JID) MarshalText() ([]byte, error) { return []byte(j.text), nil }

// UnmarshalText implements encoding.TextUnmarshaler; empty text is the zero value.
func (j *JID) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*j = JID{}
		return nil
	}
	parsed, err := ParseBytes(text)
	if err != nil {
		return err
	}
	*j = parsed
	return nil
}
