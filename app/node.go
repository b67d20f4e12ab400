package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"godwit/admin"
	"godwit/jid"
	"godwit/link"
	"godwit/link/tcp"
	"godwit/relay"
	"godwit/server"
	"godwit/store/sqlite"
	"godwit/stream"
	"godwit/tcpmux"
	"godwit/xep/version"
)

// controlSocket is the socket in the data directory by which other invocations of the program talk to the running server.
const controlSocket = "control.sock"

// node is a running server with its listeners. start and stop are its owner's; the goroutines it runs only read it.
type node struct {
	log      *slog.Logger
	out      io.Writer
	first    bool     // there was no data before
	lock     *os.File // held while the server runs on the data
	db       *sqlite.Store
	guard    *guard
	cert     *certificate
	server   *server.Server
	relay    *relay.Server          // STUN, and TURN unless that is off; nil without both
	mux      *tcpmux.Mux            // the shared port; nil without
	https    *tcpmux.Mux            // the port of the page; nil without
	web      *http.Server           // what both serve over HTTPS
	page     string                 // where browsers find it; "" if nowhere
	pageAt   atomic.Pointer[string] // the same, for sessions that begin before it is known
	webCount *webCount
	admin    *admin.Surface

	background context.Context // of what runs beside the listeners, until stop
	cancel     context.CancelFunc
	listeners  []io.Closer // of clients, closed first
	others     []io.Closer
	socket     string
	failed     chan error // a listener that ended by itself
	running    sync.WaitGroup
	domain     string
	places     places // of STUN and TURN
}

func program() version.Version { return version.Version{Name: "Godwit", Version: Version} }

// listen opens every listener before the first client is served, so that a port in use stops the start.
func (n *node) listen(ctx context.Context, c *serveCommand, st server.Store) error {
	connections := link.NewAddressLimiter(c.MaxPerAddress, c.MaxConnections)
	refused := (&refusals{log: n.log}).tell
	for _, l := range []struct {
		name, address string
		direct        bool
	}{{"c2s", c.ListenC2S, false}, {"c2s-tls", c.ListenC2STLS, true}} {
		if l.address == "off" {
			continue
		}
		listener, err := tcp.Listen(ctx, l.address, tcp.ListenConfig{
			TLS: n.tlsConfig(), Direct: l.direct, Connections: connections, Refused: refused,
		})
		if err != nil {
			return listenError(l.name, l.address, err)
		}
		n.listeners = append(n.listeners, listener)
		n.announce(l.name, listener.Addr())
		n.run(func() error { return n.accept(l.name, listener) })
	}
	if err := n.listenRelay(ctx, c); err != nil {
		return err
	}
	if err := n.listenHTTPS(ctx, c, connections, refused); err != nil {
		return err
	}
	if err := n.listenShared(ctx, c, connections, refused); err != nil {
		return err
	}
	n.serveWeb(c)
	if n.mux != nil {
		n.run(n.mux.Serve)
	}
	return n.listenAdmin(ctx, c, st)
}

func (n *node) announce(name string, a net.Addr) { fmt.Fprintln(n.out, "listening", name, a) }

// run starts a goroutine of the node; what it returns ends the server unless it is nil.
func (n *node) run(f func() error) {
	n.running.Go(func() {
		if err := f(); err != nil {
			select {
			case n.failed <- err:
			default:
			}
		}
	})
}

func (n *node) accept(name string, l *tcp.Listener) error {
	for {
		lk, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("listener %s: %w", name, err)
		}
		go n.server.Serve(lk)
	}
}

func (n *node) listenAdmin(ctx context.Context, c *serveCommand, st server.Store) error {
	src := admin.Source{
		Server:  n.server,
		SignIns: n.guard.totals,
		Page:    n.pageAddress,
		Removed: n.server.AccountRemoved,
		Changed: func(who jid.JID) {
			n.withdraw(who)
			n.server.Accounts.EndSessions(who, &stream.Error{Condition: stream.Reset, Text: "the password was changed"})
		},
		Ready: func(ctx context.Context) error {
			_, err := st.Archive.Highest(ctx)
			return err
		},
	}
	n.countRelay(&src)
	n.countShared(&src)
	n.countWeb(&src)
	var err error
	if n.admin, err = admin.New(src, n.log); err != nil {
		return err
	}
	if err := n.listenControl(ctx, filepath.Join(c.Data, controlSocket)); err != nil {
		return err
	}
	if c.ListenAdmin == "off" {
		return nil
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", c.ListenAdmin)
	if err != nil {
		return listenError("admin", c.ListenAdmin, err)
	}
	n.others = append(n.others, l)
	if a, ok := l.Addr().(*net.TCPAddr); ok && !a.IP.IsLoopback() {
		n.log.Warn("metrics and profiles can be read from other machines", "address", l.Addr().String())
	}
	n.announce("admin", l.Addr())
	n.run(func() error { return n.admin.ServePublic(l) })
	return nil
}

// listenControl opens the control socket. One that is there is left over from a server that was killed: the lock is ours.
func (n *node) listenControl(ctx context.Context, path string) error {
	l, err := privateSocket(ctx, path)
	if err != nil {
		return err
	}
	n.others, n.socket = append(n.others, l), path
	n.run(func() error { return n.admin.ServeControl(l) })
	return nil
}

// maxSocketPath is what fits into an address of a socket on every system.
const maxSocketPath = 103

// stop ends what runs, in the reverse order of the start: nobody new, then the sessions, then the data.
func (n *node) stop(timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	n.cancel()
	if n.admin != nil {
		n.admin.Drain()
	}
	for _, l := range n.listeners {
		l.Close()
	}
	var errs []error
	if n.server != nil {
		if err := n.server.Stop(ctx); err != nil {
			errs = append(errs, fmt.Errorf("not every connection ended in time: %w", err))
		}
	}
	if n.web != nil {
		n.web.Close()
	}
	if n.relay != nil {
		n.relay.Close()
	}
	if n.admin != nil {
		n.admin.Close()
	}
	for _, l := range n.others {
		l.Close()
	}
	n.running.Wait()
	if n.socket != "" {
		os.Remove(n.socket)
	}
	if n.db != nil {
		if err := n.db.Close(); err != nil {
			errs = append(errs, fmt.Errorf("closing the data: %w", err))
		}
	}
	if n.lock != nil {
		n.lock.Close()
	}
	return errors.Join(errs...)
}
