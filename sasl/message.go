package sasl

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// errMessage is why a SCRAM message does not parse; the ends wrap it in their own errors.
var errMessage = errors.New("not a SCRAM message")

const (
	maxNonce = 1024 // bytes of a whole nonce
	maxSalt  = 1024 // bytes of a decoded salt
)

// newNonce returns 24 random bytes as text without a comma (RFC 5802 §5.1).
func newNonce() string {
	b := make([]byte, 24)
	rand.Read(b) // never fails: crypto/rand ends the process rather than return weak bytes
	return base64.StdEncoding.EncodeToString(b)
}

// attribute is one "k=value" of a SCRAM message (RFC 5802 §5.1).
type attribute struct {
	name  byte
	value string
}

// attributes splits a message into its attributes. Names are letters, values are not empty, no name comes twice.
func attributes(s string) ([]attribute, error) {
	if len(s) > maxMessage || !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
		return nil, errMessage
	}
	var out []attribute
	var seen [256]bool
	for part := range strings.SplitSeq(s, ",") {
		if len(part) < 3 || part[1] != '=' || !isLetter(part[0]) || seen[part[0]] {
			return nil, errMessage
		}
		seen[part[0]] = true
		out = append(out, attribute{name: part[0], value: part[2:]})
	}
	return out, nil
}

func isLetter(c byte) bool { return (c|0x20) >= 'a' && (c|0x20) <= 'z' }

// named checks that the first attributes are these, in this order, as RFC 5802 §7 has it; "m" among the others is a
// mandatory extension that we do not know, so it is an error (RFC 5802 §5.1).
func named(attrs []attribute, names string) error {
	if len(attrs) < len(names) {
		return errMessage
	}
	for i, a := range attrs {
		if (i < len(names) && a.name != names[i]) || a.name == 'm' {
			return errMessage
		}
	}
	return nil
}

// validNonce reports whether s is printable ASCII (commas cannot be in it).
func validNonce(s string) bool {
	for i := range len(s) {
		if s[i] < 0x21 || s[i] > 0x7e {
			return false
		}
	}
	return s != "" && len(s) <= maxNonce
}

// decode64 decodes canonical base64; the line breaks that the standard decoder skips are errors.
func decode64(s string) ([]byte, error) {
	if strings.ContainsAny(s, "\r\n") {
		return nil, errMessage
	}
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil {
		return nil, errMessage
	}
	return b, nil
}

// encodeName and decodeName are the saslname of RFC 5802 §5.1.
func encodeName(s string) string {
	return strings.NewReplacer("=", "=3D", ",", "=2C").Replace(s)
}

func decodeName(s string) (string, error) {
	var b strings.Builder
	for {
		before, after, escaped := strings.Cut(s, "=")
		b.WriteString(before)
		switch {
		case !escaped:
			return b.String(), nil
		case strings.HasPrefix(after, "2C"):
			b.WriteByte(',')
		case strings.HasPrefix(after, "3D"):
			b.WriteByte('=')
		default:
			return "", errMessage
		}
		s = after[2:]
	}
}

// clientFirst is the client-first-message (RFC 5802 §7).
type clientFirst struct {
	flag     byte        // 'n', 'y' or 'p'
	kind     BindingType // of flag 'p'
	authzid  string
	username string
	nonce    string
	header   string // gs2-header as it came
	bare     string // client-first-message-bare as it came
}

func parseClientFirst(s string) (clientFirst, error) {
	flag, rest, ok1 := strings.Cut(s, ",")
	authzid, bare, ok2 := strings.Cut(rest, ",")
	if !ok1 || !ok2 || !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
		return clientFirst{}, errMessage
	}
	m := clientFirst{header: s[:len(s)-len(bare)], bare: bare}
	switch kind, bound := strings.CutPrefix(flag, "p="); {
	case flag == "n" || flag == "y":
		m.flag = flag[0]
	case bound && validBindingName(kind):
		m.flag, m.kind = 'p', BindingType(kind)
	default:
		return clientFirst{}, errMessage
	}
	var err error
	if authzid != "" {
		name, ok := strings.CutPrefix(authzid, "a=")
		if m.authzid, err = decodeName(name); err != nil || !ok || name == "" {
			return clientFirst{}, errMessage
		}
	}
	attrs, err := attributes(bare)
	if err != nil {
		return clientFirst{}, err
	}
	if err := named(attrs, "nr"); err != nil {
		return clientFirst{}, err
	}
	if m.username, err = decodeName(attrs[0].value); err != nil {
		return clientFirst{}, err
	}
	if m.nonce = attrs[1].value; !validNonce(m.nonce) {
		return clientFirst{}, errMessage
	}
	return m, nil
}

// validBindingName checks a cb-name (RFC 5802 §7): letters, digits, '.' and '-'.
func validBindingName(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isLetter(c) && (c < '0' || c > '9') && c != '.' && c != '-' {
			return false
		}
	}
	return s != ""
}

// serverFirst is the server-first-message (RFC 5802 §7) with the hash of XEP-0474, if it has one.
type serverFirst struct {
	nonce      string
	salt       []byte
	iterations int
	hash       string // value of "h", "" when absent
}

func (m serverFirst) String() string {
	s := "r=" + m.nonce + ",s=" + base64.StdEncoding.EncodeToString(m.salt) + ",i=" + strconv.Itoa(m.iterations)
	if m.hash != "" {
		s += ",h=" + m.hash
	}
	return s
}

// parseServerFirst leaves iterations at -1 when the count is a number beyond all bounds.
func parseServerFirst(s string) (serverFirst, error) {
	attrs, err := attributes(s)
	if err != nil {
		return serverFirst{}, err
	}
	if err := named(attrs, "rsi"); err != nil {
		return serverFirst{}, err
	}
	m := serverFirst{nonce: attrs[0].value}
	if m.salt, err = decode64(attrs[1].value); err != nil || len(m.salt) == 0 || len(m.salt) > maxSalt || !validNonce(m.nonce) {
		return serverFirst{}, errMessage
	}
	count := attrs[2].value
	if strings.Trim(count, "0123456789") != "" || count[0] == '0' {
		return serverFirst{}, errMessage
	}
	if m.iterations, err = strconv.Atoi(count); err != nil {
		m.iterations = -1
	}
	for _, a := range attrs[3:] {
		if a.name == 'h' {
			m.hash = a.value
		}
	}
	return m, nil
}

// clientFinal is the client-final-message (RFC 5802 §7).
type clientFinal struct {
	binding      []byte // decoded: gs2-header and channel-binding data
	nonce        string
	proof        []byte
	withoutProof string // client-final-message-without-proof as it came
}

func parseClientFinal(s string) (clientFinal, error) {
	attrs, err := attributes(s)
	if err != nil {
		return clientFinal{}, err
	}
	if err := named(attrs, "cr"); err != nil {
		return clientFinal{}, err
	}
	last := attrs[len(attrs)-1]
	if last.name != 'p' {
		return clientFinal{}, errMessage
	}
	m := clientFinal{nonce: attrs[1].value, withoutProof: s[:len(s)-len(",p=")-len(last.value)]}
	var err1, err2 error
	m.binding, err1 = decode64(attrs[0].value)
	m.proof, err2 = decode64(last.value)
	if err1 != nil || err2 != nil {
		return clientFinal{}, errMessage
	}
	return m, nil
}

// parseServerFinal returns the server's signature, or the error value the server states instead.
func parseServerFinal(s string) (signature []byte, refusal string, err error) {
	attrs, err := attributes(s)
	if err != nil {
		return nil, "", err
	}
	switch attrs[0].name {
	case 'v':
		signature, err = decode64(attrs[0].value)
		return signature, "", err
	case 'e':
		return nil, attrs[0].value, nil
	}
	return nil, "", errMessage
}
