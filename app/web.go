package app

import (
	"context"
	"crypto/x509"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"godwit/link"
	"godwit/link/ws"
	"godwit/store"
	"godwit/tcpmux"
	"godwit/web"
	"godwit/web/bundle"
	"godwit/web/invite"
)

// page is the web client that the program was built with; nil without.
func page() fs.FS { return bundle.Files() }

// mounts are handlers that other rooms bring for the HTTP face, by pattern.
func (n *node) mounts(*serveCommand) map[string]http.Handler {
	return map[string]http.Handler{"/invite/{token}": n.invitations()}
}

// invitations is the page that explains an invitation.
func (n *node) invitations() http.Handler {
	room := n.server.Invitations
	return invite.New(invite.Config{
		Domain: n.domain, Client: page() != nil, Log: n.log,
		Look: func(ctx context.Context, token string) (invite.Invitation, error) {
			i, uri, err := room.Look(ctx, token)
			if errors.Is(err, store.ErrNotFound) {
				return invite.Invitation{}, invite.ErrUnknown
			}
			if err != nil {
				return invite.Invitation{}, err
			}
			found := invite.Invitation{URI: uri, Register: i.Register, Contact: i.Contact, Expires: i.Expires, UsedUp: i.Uses <= 0}
			if !i.Inviter.IsZero() {
				found.From = i.Inviter.String()
			}
			return found, nil
		},
	})
}

// pageAddress is where browsers find the page; "" if nowhere, or not yet.
func (n *node) pageAddress() string {
	if at := n.pageAt.Load(); at != nil {
		return *at
	}
	return ""
}

// listenHTTPS opens the port of the page and the WebSocket. It is told apart like the shared port, of which HTTP is the only share: who is silent,
// slow or speaks something else is closed, and who speaks HTTP without TLS is told.
func (n *node) listenHTTPS(ctx context.Context, c *serveCommand, connections *link.AddressLimiter, refused func(net.Addr)) error {
	if c.ListenHTTPS == "off" {
		return nil
	}
	lc := net.ListenConfig{KeepAliveConfig: keepAlive}
	l, err := lc.Listen(ctx, "tcp", c.ListenHTTPS)
	if err != nil {
		return listenError("https", c.ListenHTTPS, err)
	}
	n.https, err = tcpmux.New(l, n.muxConfig(connections, refused))
	if err != nil {
		l.Close()
		return err
	}
	n.listeners = append(n.listeners, n.https)
	n.announce("https", n.https.Addr())
	return nil
}

// keepAlive finds peers that are gone without a word.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 2 * time.Minute, Interval: 30 * time.Second, Count: 5}

// muxConfig is what ports have in common that tell protocols apart.
func (n *node) muxConfig(connections *link.AddressLimiter, refused func(net.Addr)) tcpmux.Config {
	return tcpmux.Config{
		TLS: n.tlsConfig(), Admit: connections.Acquire, Pending: link.NewAddressLimiter(maxPendingPerAddress, maxPending).Acquire,
		Refused: refused, Logger: n.log,
	}
}

// serveWeb serves the page on its own port and on the shared one, whichever there are.
func (n *node) serveWeb(c *serveCommand) {
	at, own := n.webAddress(c), n.ownName(c)
	n.webCount = newWebCount()
	socket := ws.NewHandler(ws.Config{
		Accept:  func(l link.Link) { n.server.Serve(l) },
		Origins: ws.Origins{Own: own, Allowed: splitList(c.WebOrigins)},
		Logger:  n.log, // how many there may be the port has seen to
	})
	n.web = webServer(web.New(web.Config{
		Trust: n.trust(), Page: page(), WebSocket: socket, Mounts: n.mounts(c), Address: at, Own: own, Strict: !n.cert.own, Count: n.webCount.add, Logger: n.log,
	}), n.log)
	for _, m := range []*tcpmux.Mux{n.https, n.mux} {
		if m == nil {
			continue
		}
		pages := m.Listen(tcpmux.HTTP)
		n.run(func() error { return endedWeb(n.web.Serve(pages)) })
	}
	if n.https != nil {
		n.run(n.https.Serve)
	}
	if n.cert.own {
		n.log.Info("the certificate is the server's own", "fingerprint", web.Fingerprint(n.cert.authority.cert), "until", n.cert.current.Load().Leaf.NotAfter)
		n.run(func() error {
			n.cert.keep(n.background, n.log)
			return nil
		})
	}
	n.page = c.WebURL
	if n.page == "" && at != "" {
		n.page = "https://" + at + "/"
	}
	n.pageAt.Store(&n.page)
}

// trust is what the page about it says; nil where the certificate is from outside.
func (n *node) trust() *web.Trust {
	if !n.cert.own {
		return nil
	}
	cert := n.cert.authority.cert
	return &web.Trust{
		Authority: func() *x509.Certificate { return cert },
		Names:     func() []string { return cert.PermittedDNSDomains },
	}
}

// webAddress is the host and port by which the world reaches the page; "" when it does not.
func (n *node) webAddress(c *serveCommand) string {
	if c.WebURL != "" {
		u, _ := url.Parse(c.WebURL) // was checked
		return u.Host
	}
	m := n.https
	if m == nil {
		m = n.mux
	}
	if m == nil {
		return ""
	}
	host := n.domain
	if ip, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil && ip.Is6() {
		host = "[" + ip.String() + "]"
	}
	if _, port := splitPort(m.Addr()); port != 443 {
		host += ":" + strconv.Itoa(int(port))
	}
	return host
}

// ownName reports whether a host is a name or an address of this server, as far as it knows.
func (n *node) ownName(c *serveCommand) func(host string) bool {
	known := map[string]bool{}
	for _, name := range hostNames(n.domain) {
		known[name] = true
	}
	if u, err := url.Parse(c.WebURL); err == nil && u.Hostname() != "" {
		known[strings.ToLower(u.Hostname())] = true
	}
	return func(host string) bool {
		ip, err := netip.ParseAddr(host)
		return known[strings.ToLower(host)] || err == nil && hasAddress(ip)
	}
}

// hostNames are the names of a server: its domain, those of this machine, and localhost.
func hostNames(domain string) []string {
	names := []string{strings.ToLower(domain), "localhost"}
	if name, err := os.Hostname(); err == nil && name != "" {
		name = strings.ToLower(name)
		names = append(names, name)
		if !strings.Contains(name, ".") {
			names = append(names, name+".local") // as multicast DNS has it
		}
	}
	return names
}

// checkWeb is the part of Validate about the page.
func (c *serveCommand) checkWeb() error {
	for _, origin := range splitList(c.WebOrigins) {
		if !isOrigin(origin, "https", "http") {
			return usagef("--web-origins %s: origins such as https://web.example.org, without a path", origin)
		}
	}
	if c.WebURL != "" && !isOrigin(c.WebURL, "https") {
		return usagef("--web-url %s: an address such as https://chat.example.org/, without a path", c.WebURL)
	}
	return nil
}

// isOrigin reports whether an address is a scheme, a host and perhaps a port.
func isOrigin(address string, schemes ...string) bool {
	u, err := url.Parse(address)
	return err == nil && slices.Contains(schemes, u.Scheme) && u.Host != "" && u.User == nil &&
		strings.Trim(u.Path, "/") == "" && u.RawQuery == "" && u.Fragment == ""
}

func endedWeb(err error) error {
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// webServer bounds what browsers may do. A handler that takes or gives more than fits these times moves its deadlines itself
// (http.ResponseController).
func webServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 2 * time.Minute, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10,
		HTTP2:          &http.HTTP2Config{MaxConcurrentStreams: 32},
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelDebug), // it is strangers who cause them
	}
}

// splitList takes a list with commas apart.
func splitList(s string) (list []string) {
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}
