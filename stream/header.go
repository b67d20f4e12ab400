package stream

import (
	"strconv"
	"strings"

	"godwit/jid"
	"godwit/link"
)

// version is what this package speaks (RFC 6120 §4.7.5).
const version = "1.0"

// parseVersion reads a version attribute: two numbers, compared apart.
func parseVersion(s string) (major, minor int, ok bool) {
	a, b, found := strings.Cut(s, ".")
	if !found {
		return 0, 0, false
	}
	major, err1 := strconv.Atoi(a)
	minor, err2 := strconv.Atoi(b)
	digits := strings.Trim(s, "0123456789") == "."
	return major, minor, err1 == nil && err2 == nil && digits
}

// supportedVersion: 1.0 and whatever comes later, which must be able to fall
// back to it (RFC 6120 §4.7.5). Before 1.0 there was neither TLS nor SASL.
func supportedVersion(s string) bool {
	major, _, ok := parseVersion(s)
	return ok && major >= 1
}

// serves reports whether a domain is hosted.
func (cfg *ServerConfig) serves(domain jid.JID) bool {
	return domain == cfg.Domain || (cfg.Serves != nil && cfg.Serves(domain))
}

// who is what a header says about the two ends.
type who struct{ to, from jid.JID }

// checkHeader decides about a client's header (RFC 6120 §4.7, §4.9.3). bound
// holds what must not change any more: the domain the client authenticated for
// and the account, both zero before. Whatever could be read is returned beside
// an error, for the answering header.
func (cfg *ServerConfig) checkHeader(h link.Header, bound who) (who, *Error) {
	var w who
	var err error
	if h.From != "" {
		// Not sent back when it is not an address.
		if w.from, err = jid.Parse(h.From); err != nil {
			w.from = jid.JID{}
		}
	}
	if h.To != "" {
		if to, err := jid.Parse(h.To); err == nil && to.IsDomain() && cfg.serves(to) {
			w.to = to
		}
	}
	switch {
	case h.Version == "":
		return w, &Error{Condition: UnsupportedVersion, Text: "the stream header has no version"}
	case !supportedVersion(h.Version):
		return w, &Error{Condition: UnsupportedVersion, Text: "this server speaks version 1.0"}
	case h.To == "":
		return w, &Error{Condition: HostUnknown, Text: "the stream header does not say for which domain it is"}
	case w.to.IsZero():
		return w, &Error{Condition: HostUnknown, Text: "this domain is not served here"}
	case !bound.to.IsZero() && w.to != bound.to:
		// Credentials of one domain must not open another.
		return w, &Error{Condition: NotAuthorized, Text: "the domain may not change after authentication"}
	case h.From != "" && w.from.IsZero():
		return w, &Error{Condition: InvalidFrom, Text: "'from' is not an address"}
	case !w.from.IsZero() && w.from.DomainJID() != w.to:
		return w, &Error{Condition: InvalidFrom, Text: "'from' is of another domain"}
	case !bound.from.IsZero() && !w.from.IsZero() && w.from.Bare() != bound.from:
		return w, &Error{Condition: InvalidFrom, Text: "'from' is not who was authenticated"}
	}
	return w, nil
}

// answerHeader is the server's header in reply (RFC 6120 §4.7).
func (cfg *ServerConfig) answerHeader(h link.Header, w who) link.Header {
	a := link.Header{ID: newStreamID(), From: w.to.String(), Version: version, Lang: "en"}
	if w.to.IsZero() {
		a.From = cfg.Domain.String()
	}
	if !w.from.IsZero() {
		a.To = w.from.String()
	}
	return a
}
