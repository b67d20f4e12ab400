package jid

import (
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"
)

const (
	// maxPart is the limit of each part in bytes after preparation (RFC 7622 §3.2–3.4).
	maxPart = 1023
	// maxRaw bounds what is worth preparing at all. Preparation shrinks text at most by the width mapping (three bytes
	// become one), so nothing valid is longer.
	maxRaw = 3 * (3*maxPart + 2)
	// maxLabel is the limit of one DNS label in its ASCII form (RFC 1035 §2.3.4).
	maxLabel = 63
	// localExcluded are the characters RFC 7622 §3.3.1 takes out of the IdentifierClass.
	localExcluded = "\"&'/:<>@"
	// settleRounds is how often a PRECIS profile is applied until its output no longer changes (RFC 8264 §7).
	settleRounds = 4
)

// parseSlow splits and prepares an address that classify did not recognise (RFC 7622 §3.1: the resource begins at
// the first '/', the local part ends at the first '@' before it).
func parseSlow(s string) (JID, error) {
	if s == "" {
		return JID{}, &Error{Part: PartAddress, Reason: "is empty"}
	}
	if len(s) > maxRaw {
		return JID{}, tooLong(PartAddress)
	}
	bare, resource, hasResource := strings.Cut(s, "/")
	if hasResource && resource == "" {
		return JID{}, &Error{Part: PartResource, Reason: "is empty after '/'"}
	}
	local, domain, hasLocal := strings.Cut(bare, "@")
	if !hasLocal {
		local, domain = "", bare
	} else if local == "" {
		return JID{}, &Error{Part: PartLocal, Reason: "is empty before '@'"}
	}
	return New(local, domain, resource)
}

// prepareLocal applies UsernameCaseMapped (RFC 8265 §3.3) and the extra exclusions of RFC 7622 §3.3.1.
func prepareLocal(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	s, err := settle(precis.UsernameCaseMapped, PartLocal, s)
	if err != nil {
		return "", err
	}
	if strings.ContainsAny(s, localExcluded) {
		return "", &Error{Part: PartLocal, Reason: "holds one of " + localExcluded}
	}
	return s, nil
}

// prepareResource applies OpaqueString (RFC 8265 §4.2). Leading and trailing spaces stay, as the profile has it
// (RFC 7622 erratum 4560).
func prepareResource(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	return settle(precis.OpaqueString, PartResource, s)
}

// settle applies a PRECIS profile until its output is stable, so that preparing twice changes nothing.
func settle(p *precis.Profile, part Part, s string) (string, error) {
	if err := checkRaw(part, s); err != nil {
		return "", err
	}
	for range settleRounds {
		out, err := p.String(s)
		switch {
		case err != nil:
			return "", &Error{Part: part, Reason: "holds a character that is not allowed there"}
		case out == "":
			return "", &Error{Part: part, Reason: "is empty"}
		case out == s && len(s) > maxPart:
			return "", tooLong(part)
		case out == s:
			return s, nil
		}
		s = out
	}
	return "", &Error{Part: part, Reason: "has no stable normal form"}
}

func checkRaw(part Part, s string) error {
	if len(s) > 3*maxPart {
		return tooLong(part)
	}
	if !utf8.ValidString(s) {
		return &Error{Part: part, Reason: "is not UTF-8"}
	}
	return nil
}

// domainProfile validates labels by IDNA2008 and decodes A-labels. It maps nothing: mapDomain has done that.
var domainProfile = idna.New(idna.ValidateForRegistration())

// labelClass adds what the IDNA tables leave out: the IdentifierClass is derived from the same properties as the
// PVALID code points of RFC 5892 and brings its contextual rules (appendix A).
var labelClass = precis.NewIdentifier()

// prepareDomain brings a domain into the form of RFC 7622 §3.2: an IP address, or labels that are LDH or U-labels
// in small letters, without the trailing dot.
func prepareDomain(s string) (string, error) {
	if s == "" {
		return "", &Error{Part: PartDomain, Reason: "is empty"}
	}
	if err := checkRaw(PartDomain, s); err != nil {
		return "", err
	}
	if s[0] == '[' {
		return prepareIPv6(s)
	}
	s = strings.TrimSuffix(mapDomain(s), ".")
	if upper, ok := classifyDomain(s); ok && !upper {
		return s, nil
	}
	u, err := domainProfile.ToUnicode(s)
	if err != nil {
		return "", &Error{Part: PartDomain, Reason: "is not a valid internationalised domain name"}
	}
	if mapDomain(u) != u {
		// An A-label hid what the mapping would have changed; written out it would be another address.
		return "", &Error{Part: PartDomain, Reason: "is not a valid internationalised domain name"}
	}
	if len(u) > maxPart {
		return "", tooLong(PartDomain)
	}
	for label := range strings.SplitSeq(u, ".") {
		if err := checkLabel(label); err != nil {
			return "", err
		}
	}
	return u, nil
}

// mapDomain is the local mapping of RFC 5895 §2: width, case, NFC, and the ideographic full stop as a dot.
func mapDomain(s string) string {
	s = width.Fold.String(s)
	s = cases.Lower(language.Und, cases.HandleFinalSigma(false)).String(s)
	s = norm.NFC.String(s)
	return strings.ReplaceAll(s, "\u3002", ".")
}

// checkLabel holds a decoded label against the rules that domainProfile does not enforce.
func checkLabel(label string) error {
	if label == "" {
		return &Error{Part: PartDomain, Reason: "holds an empty label"}
	}
	if _, ok := classifyDomain(label); ok {
		return nil
	}
	if isASCII(label) {
		return &Error{Part: PartDomain, Reason: "holds a label that is not valid in DNS"}
	}
	if prepared, err := labelClass.String(label); err != nil || prepared != label {
		return &Error{Part: PartDomain, Reason: "holds a character that is not allowed there"}
	}
	if _, err := domainProfile.ToASCII(label); err != nil {
		return &Error{Part: PartDomain, Reason: "holds a label that is not valid in DNS"}
	}
	return nil
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// prepareIPv6 reads an IP literal (RFC 3986 §3.2.2) and writes it in the form of RFC 5952, so that one address has
// one spelling. Zones are local to a host and IPvFuture has no user: both are refused.
func prepareIPv6(s string) (string, error) {
	inner, closed := strings.CutSuffix(s[1:], "]")
	addr, err := netip.ParseAddr(inner)
	if !closed || err != nil || !addr.Is6() || addr.Zone() != "" {
		return "", &Error{Part: PartDomain, Reason: "is not a valid IPv6 address in brackets"}
	}
	return "[" + addr.String() + "]", nil
}
