package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	urlpath "path"
	"path/filepath"
	"strings"

	"godwit/client"
	"godwit/client/path"
	"godwit/headless"
	"godwit/jid"
	"godwit/link/tcp"
	"godwit/link/ws"
)

type headlessCommand struct {
	Account string `arg:"" help:"The address to sign in with, such as alice@localhost. What follows a slash begins the name of this session: alice@localhost/kitchen."`
	Ask     string `arg:"" optional:"" name:"links" help:"The word links: ask the client of this account that runs already which way its chats go, and why."`
	Contact string `arg:"" optional:"" help:"With links: this contact only."`
	JSON    bool   `name:"json" help:"With links: print one JSON object a line."`
	passwordFlag
	Register     string `placeholder:"TOKEN" help:"Make the account first, with the token of an invitation, or its xmpp: or https: address; \"open\" where everybody may. Then go on as ever."`
	Server       string `placeholder:"HOST[:PORT]" help:"Connect here instead of asking DNS for the account's domain; or to a WebSocket: wss://HOST[:PORT]/PATH."`
	CA           string `name:"ca" type:"existingfile" placeholder:"FILE" help:"Trust the certificates in this PEM file instead of the system's."`
	Insecure     bool   `help:"Accept any certificate. For tests: whoever sits in between can read and change everything."`
	Data         string `placeholder:"DIR" help:"Directory for messages and what waits to be sent. Default: godwit in the user's data directory."`
	Transport    string `default:"auto" enum:"auto,tcp,tls,ws" help:"auto (what DNS or the port says, and TLS on port 443 where nothing else gets through), tcp (STARTTLS), tls (TLS from the first byte) or ws (WebSocket, where the domain says by XEP-0156, else port 5443)."`
	Route        string `default:"auto" enum:"auto,direct,server" help:"How messages go: auto, direct (only ever to the contact's device) or server."`
	ShareAddress string `default:"chats" enum:"contacts,chats,never" help:"Who may learn this device's addresses: contacts, chats (contacts you talk to) or never."`
	PortMapping  string `default:"on" enum:"on,off" help:"Whether to ask the router for a port (PCP, NAT-PMP, UPnP), so that contacts behind difficult networks get through: on or off. Never asked where the server is on this machine."`
	langFlag
	LogLevel string `default:"warn" enum:"debug,info,warn,error" help:"debug, info, warn or error. Logs go to standard error."`
}

// Help is shown below the usage.
func (headlessCommand) Help() string {
	return `Reads one JSON object a line from standard input and writes one a line to standard output. The password comes from --password-file or
$GODWIT_PASSWORD. Once signed in it need not be given again: the server gives a token, which is kept with the messages.

  $ export GODWIT_PASSWORD=secret
  $ godwit headless alice@localhost --server localhost --ca godwit-data/cert.pem
  {"cmd":"send","to":"bob@localhost","body":"hi","id":"m1"}
  {"event":"delivered","id":"m1","path":"direct"}

A client that runs tells other invocations which way its chats go, both networks, why, and what would help:

  $ godwit headless alice@localhost links
  $ godwit headless alice@localhost links --json bob@localhost
  $ godwit headless alice@localhost links --lang zh-CN

Commands: ` + strings.Join(headless.Commands(), ", ") + "."
}

// Run implements the command.
func (c *headlessCommand) Run(ctx context.Context, s streams) error {
	log, err := newLogger(s.err, c.LogLevel, "text")
	if err != nil {
		return err
	}
	account, err := parseAccountWithResource(c.Account)
	if err != nil {
		return err
	}
	lang, err := c.lang()
	if err != nil {
		return err
	}
	data := c.Data
	if data == "" {
		if data, err = defaultClientData(); err != nil {
			return err
		}
	}
	switch {
	case c.Ask == "links":
		return c.showLinks(ctx, s, data, account, lang)
	case c.Ask != "":
		return usagef("a running client can be asked for links, not for %q", c.Ask)
	case c.JSON:
		return usagef("--json goes with links; without it everything is JSON")
	}
	password, err := c.secret()
	if err != nil {
		return err
	}
	if password == "" && (c.Register != "" || !hasCache(data, account)) {
		return usagef("a password is needed: --password-file FILE or $GODWIT_PASSWORD")
	}
	if err := checkTransport(c.Server, c.Transport); err != nil {
		return err
	}
	mode := map[string]tcp.Mode{"auto": tcp.Any, "tcp": tcp.StartTLS, "tls": tcp.DirectTLS}[c.Transport]
	options := clientOptions{
		account: account, password: password, server: c.Server, mode: mode, socket: c.Transport == "ws", ca: c.CA, insecure: c.Insecure, data: data,
		route: path.Route(c.Route), share: client.Share(c.ShareAddress), mapping: c.PortMapping == "on", device: hostname(), log: log,
	}
	if c.Register != "" {
		if err := registerAccount(ctx, options, c.Register); err != nil {
			return err
		}
	}
	rc, err := newClient(ctx, options)
	if err != nil {
		return err
	}
	stop := serveQuestions(ctx, clientSocket(data, account), rc, lang, log)
	err = headless.Run(ctx, s.in, s.out, rc.Client, lang)
	stop()
	if errors.Is(err, client.ErrSignedOut) { // as it was asked to: nothing of the account stays here
		return errors.Join(rc.close(), removeCache(data, account))
	}
	return errors.Join(err, rc.close())
}

// checkTransport refuses the address of a WebSocket that is none, or that was not asked for.
func checkTransport(server, transport string) error {
	if !strings.Contains(server, "://") {
		return nil
	}
	if err := ws.CheckURL(server); err != nil {
		return usagef("--server %s: a host, or a WebSocket such as wss://chat.example.org/xmpp-websocket", server)
	}
	if transport != "auto" && transport != "ws" {
		return usagef("--server %s is a WebSocket, and --transport %s is none", server, transport)
	}
	return nil
}

// secret is the password: standard input belongs to the commands, so it is never read from there.
func (c *headlessCommand) secret() (string, error) {
	if c.PasswordFile != "" {
		return c.fromFile()
	}
	if p := os.Getenv("GODWIT_PASSWORD"); p != "" {
		return p, nil
	}
	return "", nil // a token may be there
}

// hasCache reports whether the account was signed in to from here before.
func hasCache(data string, account jid.JID) bool {
	_, err := os.Stat(filepath.Join(data, cacheName(account)))
	return err == nil
}

// removeCache removes what was kept of an account.
func removeCache(data string, account jid.JID) error {
	var errs []error
	for _, end := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(filepath.Join(data, cacheName(account)+end)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// registerAccount makes the account with an invitation.
func registerAccount(ctx context.Context, o clientOptions, invitation string) error {
	token := invitation
	if u, err := url.Parse(invitation); err == nil && u.Scheme == "https" {
		token = urlpath.Base(u.Path)
	}
	switch i, err := client.ParseInvitation(invitation); {
	case err == nil:
		token = i.Token
	case invitation == "open":
		token = ""
	}
	trust, err := trustConfig(o)
	if err != nil {
		return err
	}
	err = client.Register(ctx, client.RegisterConfig{JID: o.account.Bare(), Password: o.password, Token: token, Dialer: dialer(o, trust)})
	if err != nil {
		return fmt.Errorf("the account could not be made: %w", err)
	}
	return nil
}

// defaultClientData is where clients keep what they know.
func defaultClientData() (string, error) {
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "godwit"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(home, ".local", "share", "godwit"), nil
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return name
}
