package app

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"godwit/client"
	"godwit/client/cache/sqlite"
	"godwit/client/path"
	"godwit/jid"
	"godwit/link"
	"godwit/link/tcp"
	"godwit/link/ws"
	"godwit/peer"
	"godwit/peer/datachannel"
	"godwit/peer/quic"
	"godwit/xep/extdisco"
)

// clientOptions is what it takes to run a client of one account.
type clientOptions struct {
	account  jid.JID
	password string
	server   string // HOST:PORT, wss://…, or "" for what DNS or the domain says
	mode     tcp.Mode
	socket   bool   // by WebSocket instead
	ca       string // file with authorities, or "" for the system's
	insecure bool
	data     string // directory of the cache
	route    path.Route
	share    client.Share
	mapping  bool // ask routers for a port
	device   string
	log      *slog.Logger
	firewall func(netip.AddrPort) bool // see quic.Config
	// tune changes the configuration before use; for the demonstration.
	tune func(*client.Config)
}

// runningClient is a client with what it stands on. close ends all of it.
type runningClient struct {
	*client.Client
	cache   *sqlite.Cache
	direct  *quic.Transport
	channel *datachannel.Transport // on the socket of direct
	reach   *reachability          // nil where the server is on this machine
}

func (c *runningClient) close() error {
	if c.reach != nil {
		c.reach.close()
	}
	return errors.Join(c.channel.Close(), c.direct.Close(), c.cache.Close())
}

// newClient makes a client and opens what it stands on.
func newClient(ctx context.Context, o clientOptions) (*runningClient, error) {
	trust, err := trustConfig(o)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.data, 0o700); err != nil {
		return nil, fmt.Errorf("the data directory can not be made: %w", err)
	}
	store, err := sqlite.Open(ctx, filepath.Join(o.data, cacheName(o.account)))
	if err != nil {
		return nil, fmt.Errorf("the messages kept in %s can not be opened: %w", o.data, err)
	}
	relayTrust := trust.Clone()
	relayTrust.ServerName = o.account.Domain() // TURN servers that the account's server announced are also believed in its name
	direct, err := quic.New(quic.Config{Loopback: onThisMachine(o), TLS: relayTrust, Firewall: o.firewall, Logger: o.log})
	if err != nil {
		store.Close()
		return nil, fmt.Errorf("no socket for direct connections: %w", err)
	}
	channel, err := datachannel.New(datachannel.Config{Mux: direct.Mux(), Loopback: onThisMachine(o), TLS: relayTrust, Logger: o.log})
	if err != nil {
		return nil, errors.Join(err, direct.Close(), store.Close())
	}
	announced := make(chan []extdisco.Service, 1)
	cfg := client.Config{
		JID: o.account, Password: o.password,
		Dialer:     dialer(o, trust),
		Cache:      store,
		HasAddress: hasAddress,
		Transports: []peer.Transport{direct, channel}, // what the second is for: browsers, and networks that let no QUIC through
		Services: func(s []extdisco.Service) {
			found := services(s, o)
			direct.SetServices(found)
			channel.SetServices(found)
			latest(announced, found)
		},
		Route: o.route, Share: o.share,
		Software: client.Software{Name: "Godwit", Version: Version, Device: o.device},
		Logger:   o.log,
	}
	if o.tune != nil {
		o.tune(&cfg)
	}
	c, err := client.New(cfg)
	if err != nil {
		return nil, errors.Join(err, channel.Close(), direct.Close(), store.Close())
	}
	rc := &runningClient{Client: c, cache: store, direct: direct, channel: channel}
	if !onThisMachine(o) {
		rc.reach = startReachability(reachConfig{
			services: announced,
			port:     direct.Mux().LocalAddr().Port(), mapping: o.mapping && o.share != client.ShareNever,
			transports: []directTransport{direct, channel},
			setReach:   c.SetReach, changed: c.NetworkChanged, log: o.log,
		})
	}
	return rc, nil
}

// dialer makes connections to the server.
func dialer(o clientOptions, trust *tls.Config) link.Dialer {
	switch {
	case isSocket(o.server):
		return &ws.Dialer{TLS: trust, URL: o.server}
	case o.socket:
		return &ws.Dialer{TLS: trust, Server: o.server}
	}
	return &tcp.Dialer{TLS: trust, Server: o.server, Mode: o.mode}
}

// isSocket reports whether a server was given as the address of its WebSocket.
func isSocket(server string) bool { return strings.HasPrefix(server, "wss:") }

// cacheName is the file of an account's messages.
func cacheName(account jid.JID) string {
	return strings.NewReplacer("/", "_", string(filepath.Separator), "_").Replace(account.Bare().String()) + ".db"
}

// trustConfig says whose certificates are believed.
func trustConfig(o clientOptions) (*tls.Config, error) {
	cfg := &tls.Config{InsecureSkipVerify: o.insecure} // only where the user asked for it, for tests
	if o.ca == "" {
		return cfg, nil
	}
	text, err := os.ReadFile(o.ca)
	if err != nil {
		return nil, fmt.Errorf("the authorities can not be read: %w", err)
	}
	cfg.RootCAs = x509.NewCertPool()
	if !cfg.RootCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", o.ca)
	}
	return cfg, nil
}

// serverHost is the host the client connects to.
func serverHost(o clientOptions) string {
	if o.server == "" {
		return o.account.Domain()
	}
	if u, err := url.Parse(o.server); err == nil && isSocket(o.server) {
		return u.Hostname()
	}
	if host, _, err := net.SplitHostPort(o.server); err == nil {
		return host
	}
	return strings.Trim(o.server, "[]")
}

// onThisMachine reports whether the server is on this machine; then contacts may be too, and loopback addresses are worth offering.
func onThisMachine(o clientOptions) bool {
	host := serverHost(o)
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// services is what the server announced beside XMPP, as the direct transport takes it. Where the user said how to reach the server, its own name,
// which DNS may not know, means that address.
func services(announced []extdisco.Service, o clientOptions) []extdisco.Service {
	out := slices.Clone(announced)
	for i := range out {
		if out[i].Host == o.account.Domain() {
			out[i].Host = serverHost(o)
		}
	}
	return out
}

// hasAddress reports whether this machine has an address. When that cannot be found out it has.
func hasAddress(ip netip.Addr) bool {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return true
	}
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Unmap() == ip.Unmap().WithZone("") {
			return true
		}
	}
	return false
}
