package jid

// Part names a part of an address in an Error.
type Part string

// The parts of an address.
const (
	PartAddress  Part = "address"
	PartLocal    Part = "local part"
	PartDomain   Part = "domain"
	PartResource Part = "resource"
)

// Error says which part of an address is wrong and why. It never repeats the address, so its text is short and may
// be shown to the peer (as text of a jid-malformed error, RFC 6120 §8.3.3.8).
type Error struct {
	Part   Part
	Reason string // continues the sentence "the local part …"
}

// Error implements error.
func (e *Error) Error() string { return "jid: the " + string(e.Part) + " " + e.Reason }

func tooLong(p Part) *Error { return &Error{Part: p, Reason: "is longer than 1023 bytes"} }
