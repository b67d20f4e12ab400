package ws

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// Origins decides which pages may open a WebSocket, so that a page of somebody
// else's cannot have its visitors' browsers do so. Browsers always say from which
// page they come (RFC 6454); clients that are none say nothing.
type Origins struct {
	// Own reports whether a host, without port and in lower case, is a name or an address of this
	// server. Only then a page that came from the address it connects to is the
	// server's: a name of somebody else's can be made to lead here (DNS rebinding).
	// An address that is a number can not.
	Own func(host string) bool
	// Allowed are further origins, such as "https://chat.example.org".
	Allowed []string
}

// allow reports whether a request for host, with these Origin headers, is let in.
func (o Origins) allow(origins []string, host string) bool {
	if len(origins) == 0 {
		return true // no browser
	}
	if len(origins) > 1 {
		return false
	}
	u, err := url.Parse(origins[0])
	if err != nil || u.Host == "" || u.Scheme == "" || u.Path != "" || u.RawQuery != "" || u.User != nil {
		return false
	}
	for _, a := range o.Allowed {
		if strings.EqualFold(strings.TrimSuffix(a, "/"), u.Scheme+"://"+u.Host) {
			return true
		}
	}
	if u.Scheme != "https" || !strings.EqualFold(withPort(u.Host), withPort(host)) {
		return false
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil {
		return true
	}
	return o.Own != nil && o.Own(strings.ToLower(u.Hostname()))
}

// withPort completes a host with the port of HTTPS.
func withPort(host string) string {
	if _, _, err := net.SplitHostPort(host); err != nil {
		return net.JoinHostPort(strings.Trim(host, "[]"), "443")
	}
	return host
}
