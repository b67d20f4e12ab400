package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"godwit/nat"
	"godwit/nat/outlook"
	"godwit/nat/portmap"
	"godwit/xep/reach"
)

type natCommand struct {
	Account string `arg:"" optional:"" help:"Ask the STUN server of this account's domain, as DNS names it."`
	Server  string `placeholder:"HOST[:PORT]" help:"Ask this STUN server. Port 3478 if none is said."`
	JSON    bool   `name:"json" help:"Print one JSON object."`
	langFlag
}

// Help is shown below the usage.
func (natCommand) Help() string {
	return `What kind of network is this machine behind, and what will work from here? Asks a STUN server (RFC 5780) for about a second. No account
and no password are needed. Any "godwit serve" is such a server; one with two addresses can tell everything, one with a single address says
"unknown" where it cannot tell.

  godwit nat --server example.org
  godwit nat alice@example.org --json | jq -r .class`
}

// portMapPatience is how long routers are given to say what they speak.
const portMapPatience = 1400 * time.Millisecond

// Run implements the command.
func (c *natCommand) Run(ctx context.Context, s streams) error {
	lang, err := c.lang()
	if err != nil {
		return err
	}
	servers, name, err := c.servers(ctx)
	if err != nil {
		return err
	}
	routers := make(chan routerFacts, 1)
	go func() { routers <- askRouters(ctx) }()
	report, err := nat.Discover(ctx, nat.Config{Servers: servers})
	facts := <-routers
	switch {
	case errors.Is(err, nat.ErrNoServer):
		return fmt.Errorf("%s has no address: %w", name, err)
	case err != nil:
		return err
	}
	view := newNATView(report.WithRouter(facts.external, facts.gateway), facts, name, lang)
	if c.JSON {
		err = view.writeJSON(s.out)
	} else {
		err = view.write(s.out, terminalWidth(s.out))
	}
	if err == nil && view.silent() {
		return errReported
	}
	return err
}

// servers are whom to ask, and what to call them.
func (c *natCommand) servers(ctx context.Context) (list []string, name string, err error) {
	switch {
	case c.Server != "":
		host := c.Server
		if _, port, err := net.SplitHostPort(host); err == nil {
			if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
				return nil, "", usagef("--server %s: not a port", c.Server)
			}
		} else if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err != nil && strings.ContainsAny(host, ": /") {
			return nil, "", usagef("--server %s: HOST or HOST:PORT is needed, such as example.org", c.Server)
		}
		return []string{host}, host, nil
	case c.Account == "":
		return nil, "", usagef("whom to ask? Give --server HOST, or an account such as alice@example.org")
	}
	account, err := parseAccountWithResource(c.Account)
	if err != nil {
		return nil, "", err
	}
	return stunOf(ctx, account.Domain()), account.Domain(), nil
}

// stunOf finds a domain's STUN servers: as DNS names them (RFC 8489 §8.1), else
// where its XMPP server is (RFC 6120 §3.2.1), else the domain itself.
func stunOf(ctx context.Context, domain string) []string {
	var list []string
	if _, records, err := net.DefaultResolver.LookupSRV(ctx, "stun", "udp", domain); err == nil {
		for _, r := range records {
			if host := strings.TrimSuffix(r.Target, "."); host != "" && r.Port != 0 {
				list = append(list, net.JoinHostPort(host, strconv.Itoa(int(r.Port))))
			}
		}
	}
	if len(list) > 0 {
		return list
	}
	if _, records, err := net.DefaultResolver.LookupSRV(ctx, "xmpp-client", "tcp", domain); err == nil {
		for _, r := range records {
			if host := strings.TrimSuffix(r.Target, "."); host != "" {
				list = append(list, host)
			}
		}
	}
	if len(list) == 0 {
		list = []string{domain}
	}
	return list
}

// routerFacts is what the router of this network says.
type routerFacts struct {
	asked     bool // there is a router that could be asked
	protocols []portmap.Protocol
	external  netip.Addr
	gateway   netip.Addr
}

// natView is what the command shows.
type natView struct {
	report  nat.Report
	facts   routerFacts
	server  string
	lang    outlook.Lang
	outlook outlook.Outlook
}

func newNATView(r nat.Report, facts routerFacts, server string, lang outlook.Lang) natView {
	v := natView{report: r, facts: facts, server: server, lang: lang}
	if len(facts.protocols) > 0 { // a client of this machine would use it
		v.report.Reach.Mapped = string(facts.protocols[0])
	}
	v.outlook = outlook.Of(v.report.Reach)
	return v
}

// silent reports whether nothing could be found out at all.
func (v natView) silent() bool {
	return v.report.IPv4.State != nat.Answered && v.report.IPv6.State != nat.Answered && v.report.Reach.Class != reach.Blocked
}

// family is the one that the class is about.
func (v natView) family() nat.Family {
	if v.report.IPv4.State != nat.Answered && v.report.IPv6.State == nat.Answered {
		return v.report.IPv6
	}
	return v.report.IPv4
}
