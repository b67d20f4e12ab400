package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"godwit/admin"
	"godwit/link"
	"godwit/link/tcp"
	"godwit/tcpmux"
)

// automatic is the value of a listener that is where it is best, or not at all where that can not be had.
const automatic = "auto"

// sharedPort is where the shared port is unless an address is given: the one that even strict networks let out.
const sharedPort = ":443"

// Bounds on connections of the shared port that have not said yet what they are.
const (
	maxPendingPerAddress = 256
	maxPending           = 4096
)

// listenShared opens the port that XMPP, TURN and HTTPS share.
func (n *node) listenShared(ctx context.Context, c *serveCommand, connections *link.AddressLimiter, refused func(net.Addr)) error {
	address, must := c.ListenShared, true
	switch address {
	case "off":
		return nil
	case automatic:
		address, must = sharedPort, false
	}
	lc := net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 2 * time.Minute, Interval: 30 * time.Second, Count: 5}}
	l, err := lc.Listen(ctx, "tcp", address)
	switch {
	case err != nil && must:
		return listenError("shared", address, err)
	case err != nil:
		n.log.Warn("there is no shared port: clients in networks that let only port 443 out can not sign in", "reason", whyNot(err),
			"address", address, "help", "--listen-shared ADDRESS, or off")
		return nil
	}
	n.mux, err = tcpmux.New(l, tcpmux.Config{
		TLS: n.tlsConfig(), Admit: connections.Acquire, Pending: link.NewAddressLimiter(maxPendingPerAddress, maxPending).Acquire,
		Refused: refused, Logger: n.log,
	})
	if err != nil {
		l.Close()
		return err
	}
	n.listeners = append(n.listeners, n.mux)
	clients, err := tcp.NewListener(n.mux.Listen(tcpmux.XMPP), tcp.ListenConfig{TLS: n.tlsConfig()})
	if err != nil {
		return err
	}
	n.run(func() error { return n.accept("shared", clients) })
	if n.relay != nil {
		turn := n.mux.Listen(tcpmux.TURN)
		n.run(func() error { return endedRelay(n.relay.ServeTCP(turn)) })
		_, n.places.shared = splitPort(n.mux.Addr())
	}
	n.web = webServer(n.log)
	pages := n.mux.Listen(tcpmux.HTTP)
	n.run(func() error { return endedWeb(n.web.Serve(pages)) })
	n.announce("shared", n.mux.Addr())
	n.run(n.mux.Serve)
	return nil
}

// whyNot says in a few words why the shared port could not be had.
func whyNot(err error) string {
	switch {
	case isAddrInUse(err):
		return "another program has it"
	case errors.Is(err, os.ErrPermission):
		return "this user may not have it"
	}
	return err.Error()
}

func endedWeb(err error) error {
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// webServer serves HTTPS on the shared port. Handler is where the web client goes.
func webServer(log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           frontPage(),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 15 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10,
		HTTP2:          &http.HTTP2Config{MaxConcurrentStreams: 32},
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelDebug), // it is strangers who cause them
	}
}

// frontPage tells whoever comes with a browser what this is.
func frontPage() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		io.WriteString(w, "This is a Godwit server: instant messaging with any XMPP client.\nThere is nothing for browsers here.\n")
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Referrer-Policy", "no-referrer")
		mux.ServeHTTP(w, r)
	})
}

// countShared hands what the shared port counts to the metrics.
func (n *node) countShared(src *admin.Source) {
	if n.mux == nil {
		return
	}
	src.Shared = func() admin.Shared {
		t := n.mux.Stats()
		return admin.Shared{
			Pending: t.Pending,
			Served: map[string]uint64{
				"xmpp": t.XMPP, "xmpp-starttls": t.XMPPPlain, "turn-tls": t.TURN, "turn-tcp": t.TURNPlain, "https": t.HTTP,
			},
			Closed: map[string]uint64{
				"limit": t.Refused, "silent": t.Silent, "slow": t.Slow, "handshake": t.Handshake, "unknown": t.Unknown,
				"http": t.PlainHTTP, "off": t.Unserved, "busy": t.Dropped, "defect": t.Panics,
			},
		}
	}
}
