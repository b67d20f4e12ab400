//go:build linux

package netlab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
)

// The sockets below live on the host but belong to the test process. They are
// closed when the test ends, if not before. Addresses are literal, since a name
// would be looked up outside of the lab.

// Dial opens a connection from the host. It has the shape of a DialContext
// field.
func (h *Host) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	if err := literal(address); err != nil {
		return nil, err
	}
	var c net.Conn
	err := h.Do(func() (err error) {
		c, err = new(net.Dialer).DialContext(ctx, network, address)
		return err
	})
	if err != nil {
		return nil, err
	}
	h.lab.keep(c)
	return c, nil
}

// Listen opens a listener on the host, for instance on ("tcp4", ":5222").
func (h *Host) Listen(network, address string) (net.Listener, error) {
	if err := literal(address); err != nil {
		return nil, err
	}
	var ln net.Listener
	err := h.Do(func() (err error) {
		ln, err = new(net.ListenConfig).Listen(context.Background(), network, address)
		return err
	})
	if err != nil {
		return nil, err
	}
	h.lab.keep(ln)
	return ln, nil
}

// ListenUDP opens a UDP socket on the host, of the family of addr. The zero
// AddrPort means every IPv4 address and any port.
func (h *Host) ListenUDP(addr netip.AddrPort) (*net.UDPConn, error) {
	var c *net.UDPConn
	err := h.Do(func() (err error) {
		var local *net.UDPAddr
		if addr.IsValid() {
			local = net.UDPAddrFromAddrPort(addr)
		}
		network := "udp4"
		if addr.Addr().Is6() {
			network = "udp6"
		}
		c, err = net.ListenUDP(network, local)
		return err
	})
	if err != nil {
		return nil, err
	}
	h.lab.keep(c)
	return c, nil
}

func literal(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("netlab: %w", err)
	}
	if host == "" {
		return nil
	}
	if _, err := netip.ParseAddr(host); err != nil {
		return fmt.Errorf("netlab: %q is no literal address, and names are not looked up in a lab", host)
	}
	return nil
}
