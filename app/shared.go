package app

import (
	"context"
	"errors"
	"net"
	"os"

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
	lc := net.ListenConfig{KeepAliveConfig: keepAlive}
	l, err := lc.Listen(ctx, "tcp", address)
	switch {
	case err != nil && must:
		return listenError("shared", address, err)
	case err != nil:
		n.log.Warn("there is no shared port: clients in networks that let only port 443 out can not sign in", "reason", whyNot(err),
			"address", address, "help", "--listen-shared ADDRESS, or off")
		return nil
	}
	n.mux, err = tcpmux.New(l, n.muxConfig(connections, refused))
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
	n.announce("shared", n.mux.Addr())
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
			Closed: closedReasons(t),
		}
	}
}
