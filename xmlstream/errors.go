package xmlstream

// Conditions of Error: the stream error conditions a tokenizer can find cause for (RFC 6120 §4.9.3).
const (
	// BadFormat: well-formed, but not an XML stream, such as text between stanzas (§4.9.3.1).
	BadFormat = "bad-format"
	// NotWellFormed: violates XML or Namespaces in XML; an undeclared prefix is one such case (§4.9.3.13, §11.3).
	NotWellFormed = "not-well-formed"
	// PolicyViolation: over one of Limits (§4.9.3.14).
	PolicyViolation = "policy-violation"
	// RestrictedXML: a DTD, comment, processing instruction or general entity (§4.9.3.18, §11.1).
	RestrictedXML = "restricted-xml"
	// UnsupportedEncoding: not UTF-8 (§4.9.3.22, §11.6).
	UnsupportedEncoding = "unsupported-encoding"
)

// Error says why input was refused. The stream it came from cannot be read further and is to be closed with Condition.
type Error struct {
	// Condition is the stream error to send (RFC 6120 §4.9.3), one of the constants above.
	Condition string
	// Detail says in a few words what was wrong. It holds none of the peer's bytes and may be sent and logged.
	Detail string
}

func (e *Error) Error() string { return "xml stream: " + e.Condition + ": " + e.Detail }

func malformed(detail string) error  { return &Error{NotWellFormed, detail} }
func restricted(detail string) error { return &Error{RestrictedXML, detail} }
func overLimit(detail string) error  { return &Error{PolicyViolation, detail} }
