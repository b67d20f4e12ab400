package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"godwit/client"
	"godwit/jid"
)

// options are what the page starts a client with.
type options struct {
	JID      string `json:"jid"`
	Password string `json:"password"` // may be empty where a token is remembered
	Token    string `json:"token"`    // of an invitation: the account is made first
	URL      string `json:"url"`      // of the WebSocket
	Lang     string `json:"lang"`     // en or zh-CN
	Device   string `json:"device"`   // what the user would call this device
}

// plan is what they mean.
type plan struct {
	account jid.JID
	options options
	lang    client.Lang
	// open: the page came from this very machine without TLS, so that its WebSocket may
	// do without, too.
	open bool
}

// parse checks what the page says.
func parse(text string) (plan, error) {
	var o options
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return plan{}, fmt.Errorf("the options are no JSON: %w", err)
	}
	account, err := jid.Parse(o.JID)
	if err != nil {
		return plan{}, client.WithCode("invalid", fmt.Errorf("%q is no address: %w", o.JID, err))
	}
	if account.Local() == "" {
		return plan{}, client.WithCode("invalid", fmt.Errorf("%q is not the address of an account", o.JID))
	}
	u, err := url.Parse(o.URL)
	if err != nil {
		return plan{}, client.WithCode("invalid", fmt.Errorf("the address of the server: %w", err))
	}
	p := plan{account: account, options: o}
	switch {
	case u.Scheme == "wss":
	case u.Scheme == "ws" && local(u.Hostname()):
		p.open = true
	default:
		return plan{}, client.WithCode("insecure", fmt.Errorf("%s is not encrypted, and not on this machine", o.URL))
	}
	var ok bool
	if p.lang, ok = client.ParseLang(o.Lang); !ok {
		p.lang, _ = client.ParseLang("en")
	}
	return p, nil
}

// local reports whether a host is this machine, as browsers see it.
func local(host string) bool {
	if address, err := netip.ParseAddr(host); err == nil {
		return address.IsLoopback()
	}
	host = strings.ToLower(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// database names the one of an account. Names of accounts are at most 2,047 bytes.
func (p plan) database() string { return "godwit:" + p.account.Bare().String() }
