package ws

import (
	"bufio"
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/coder/websocket"

	"godwit/link"
	"godwit/link/framing"
)

// Config says how WebSockets are received.
type Config struct {
	// Accept gets each link, on a goroutine of its own.
	Accept func(link.Link)
	// Origins are the pages that may connect.
	Origins Origins
	// Connections, if not nil, bounds WebSockets; their place is given back when
	// they end.
	Connections *link.AddressLimiter
	// Refused, if not nil, is told about each connection that found no place.
	Refused func(remote net.Addr)
	// Link holds the bounds of every link; its addresses and kind are set.
	Link framing.Config
	// Pings find out who is gone.
	Pings Pings
	// Logger gets what was refused, at debug level; nil is silence.
	Logger *slog.Logger
}

// NewHandler serves WebSockets to the requests it gets, whatever their path. The
// client's address is that of the connection: what a header claims about it
// (X-Forwarded-For) anybody could write.
func NewHandler(cfg Config) http.Handler {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &handler{cfg}
}

type handler struct{ cfg Config }

// ServeHTTP implements http.Handler.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if status, why := h.refuse(r); status != 0 {
		h.cfg.Logger.Debug("a WebSocket was refused", "address", r.RemoteAddr, "origin", r.Header.Get("Origin"), "reason", why)
		if status == http.StatusUpgradeRequired {
			w.Header().Set("Upgrade", "websocket")
			w.Header().Set("Connection", "Upgrade")
		}
		http.Error(w, why, status)
		return
	}
	remote, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		http.Error(w, "The address of this connection is not known.", http.StatusInternalServerError)
		return
	}
	release := func() {}
	if h.cfg.Connections != nil {
		var ok bool
		if release, ok = h.cfg.Connections.Acquire(remote.Addr()); !ok {
			if h.cfg.Refused != nil {
				h.cfg.Refused(net.TCPAddrFromAddrPort(remote))
			}
			w.Header().Set("Retry-After", "60")
			http.Error(w, "There are too many connections from this address.", http.StatusServiceUnavailable)
			return
		}
	}
	taken := &takeover{ResponseWriter: w}
	socket, err := websocket.Accept(taken, r, &websocket.AcceptOptions{
		Subprotocols:       []string{Subprotocol},
		InsecureSkipVerify: true, // Origin was checked, more strictly
		CompressionMode:    websocket.CompressionDisabled,
	})
	if err != nil {
		release()
		h.cfg.Logger.Debug("a WebSocket was refused", "address", r.RemoteAddr, "reason", err)
		return
	}
	fc := h.cfg.Link
	fc.Remote = netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		fc.Local = addrPort(local)
	}
	go h.cfg.Accept(newLink(newConn(socket, below(taken.conn), release), finished(r.TLS), false, fc, h.cfg.Pings))
}

// refuse says with which status and why a request does not become a WebSocket; 0
// if it may.
func (h *handler) refuse(r *http.Request) (status int, why string) {
	switch {
	case !hasToken(r.Header.Values("Connection"), "upgrade"), !hasToken(r.Header.Values("Upgrade"), "websocket"), r.ProtoMajor != 1:
		return http.StatusUpgradeRequired, "XMPP clients connect here by WebSocket (RFC 7395)."
	case !h.cfg.Origins.allow(r.Header.Values("Origin"), r.Host):
		return http.StatusForbidden, "This page may not connect here: its Origin is not this server's. An operator can allow it (--web-origins)."
	case !hasToken(r.Header.Values("Sec-WebSocket-Protocol"), Subprotocol):
		return http.StatusBadRequest, "The WebSocket must be for the subprotocol xmpp (RFC 7395 §3.1)."
	}
	return 0, ""
}

// hasToken reports whether a list of tokens holds one, whatever its case.
func hasToken(values []string, token string) bool {
	for _, v := range strings.Split(strings.Join(values, ","), ",") {
		if strings.EqualFold(strings.TrimSpace(v), token) {
			return true
		}
	}
	return false
}

// finished is the state of TLS where the request came over it.
func finished(s *tls.ConnectionState) *tls.ConnectionState {
	if s == nil || !s.HandshakeComplete {
		return nil
	}
	return s
}

// takeover remembers the connection that a WebSocket takes over.
type takeover struct {
	http.ResponseWriter
	conn net.Conn
}

// Hijack implements http.Hijacker.
func (t *takeover) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c, rw, err := http.NewResponseController(t.ResponseWriter).Hijack()
	t.conn = c
	return c, rw, err
}
