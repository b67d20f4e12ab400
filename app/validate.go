package app

import (
	"errors"
	"net"
	"strconv"
	"time"

	"godwit/jid"
	"godwit/server/devices"
)

// Validate is called by the parser of the command line: what is wrong with the settings is a mistake of usage, found before anything starts.
func (c *serveCommand) Validate() error {
	if _, err := parseDomain(c.Domain); err != nil {
		return err
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return usagef("a certificate needs its key: give both --tls-cert and --tls-key, or neither")
	}
	for _, l := range []struct {
		name, address string
		auto          bool
	}{
		{"c2s", c.ListenC2S, false}, {"c2s-tls", c.ListenC2STLS, false}, {"https", c.ListenHTTPS, false}, {"shared", c.ListenShared, true}, {"stun", c.ListenSTUN, false},
		{"stun-alternate", c.ListenSTUN2, true}, {"turn", c.ListenTURN, true}, {"admin", c.ListenAdmin, false},
	} {
		if l.auto && l.address == automatic {
			continue
		}
		if err := checkListen(l.name, l.address); err != nil {
			return err
		}
	}
	if err := errors.Join(c.checkRelay(), c.checkWeb()); err != nil {
		return err
	}
	for _, n := range []struct {
		flag  string
		value int
	}{
		{"max-connections", c.MaxConnections}, {"max-per-address", c.MaxPerAddress}, {"max-sessions", c.MaxSessions},
		{"max-contacts", c.MaxContacts}, {"max-inbox", c.MaxInbox}, {"max-failures-per-address", c.MaxFailures},
		{"max-failures-per-account", c.MaxGuesses}, {"max-registrations", c.MaxRegistered},
		{"turn-allocations-per-account", c.TURNPerAccount}, {"turn-allocations", c.TURNAllocations},
	} {
		if n.value < 1 {
			return usagef("--%s must be at least 1, not %d", n.flag, n.value)
		}
	}
	for _, d := range []struct {
		flag  string
		value time.Duration
		least time.Duration
	}{
		{"archive-keep", c.ArchiveKeep, 0}, {"inbox-keep", c.InboxKeep, 0}, {"resume-timeout", c.ResumeTimeout, time.Second},
		{"handshake-limit", c.HandshakeLimit, time.Second}, {"shutdown-timeout", c.ShutdownTimeout, 0},
		{"turn-credentials", c.TURNCredentials, time.Minute}, {"token-life", c.TokenLife, devices.MinLife},
	} {
		if d.value < d.least {
			return usagef("--%s must be at least %s, not %s", d.flag, d.least, d.value)
		}
	}
	if c.TokenLife > devices.MaxLife {
		return usagef("--token-life must be at most %s, not %s", devices.MaxLife, c.TokenLife)
	}
	return nil
}

func parseDomain(s string) (jid.JID, error) {
	domain, err := jid.Parse(s)
	if err != nil || domain != domain.DomainJID() {
		return jid.JID{}, usagef("%q is not a domain, which looks like chat.example.org", s)
	}
	return domain, nil
}

func checkListen(name, address string) error {
	if address == "off" {
		return nil
	}
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return usagef("--listen-%s: %q is no address to listen on, such as :5222, 127.0.0.1:0 or [::1]:5222, nor \"off\"", name, address)
	}
	return nil
}
