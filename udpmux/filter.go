package udpmux

import (
	"net"
	"net/netip"

	"golang.org/x/net/ipv4"
)

// filteredConn is the socket as the QUIC transport sees it: reads leave out
// everything that is not QUIC from an admitted address, all else is the real
// socket. quic-go reads batches where the platform has them, single messages
// elsewhere.
type filteredConn struct {
	*net.UDPConn
	mux   *Mux
	batch *ipv4.PacketConn
}

// filtered is the socket for the QUIC transport to read.
func (m *Mux) filtered() net.PacketConn {
	if m.kernel == nil {
		return &filteredPackets{PacketConn: m.socket, mux: m}
	}
	return &filteredConn{UDPConn: m.kernel, mux: m, batch: ipv4.NewPacketConn(m.kernel)}
}

// filteredPackets is a filteredConn for a socket that is not the kernel's.
type filteredPackets struct {
	net.PacketConn
	mux *Mux
}

// ReadFrom returns the next QUIC packet.
func (c *filteredPackets) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, addr, err := c.PacketConn.ReadFrom(b)
		if err != nil {
			return n, addr, err
		}
		if from, ok := addrPort(addr); ok && c.mux.admit(b[:n], from) {
			return n, addr, nil
		}
	}
}

// ReadBatch fills messages with QUIC packets only, and blocks until there is at
// least one. Messages keep their buffers: the caller has them paired with its
// own bookkeeping, so a packet moves to another slot by copying.
func (c *filteredConn) ReadBatch(messages []ipv4.Message, flags int) (int, error) {
	for {
		n, err := c.batch.ReadBatch(messages, flags)
		if err != nil {
			return 0, err
		}
		kept := 0
		for i := range n {
			from, ok := addrPort(messages[i].Addr)
			if !ok || !c.mux.admit(messages[i].Buffers[0][:messages[i].N], from) {
				continue
			}
			if kept != i {
				moveMessage(&messages[kept], &messages[i])
			}
			kept++
		}
		if kept > 0 {
			return kept, nil
		}
	}
}

func moveMessage(to, from *ipv4.Message) {
	to.N = copy(to.Buffers[0], from.Buffers[0][:from.N])
	to.NN = copy(to.OOB, from.OOB[:from.NN])
	to.Flags = from.Flags
	to.Addr = from.Addr
}

// ReadMsgUDP is ReadBatch for one packet.
func (c *filteredConn) ReadMsgUDP(b, oob []byte) (n, oobn, flags int, from *net.UDPAddr, err error) {
	for {
		n, oobn, flags, from, err = c.UDPConn.ReadMsgUDP(b, oob)
		if err != nil || c.mux.admit(b[:n], from.AddrPort()) {
			return n, oobn, flags, from, err
		}
	}
}

// ReadFrom is ReadBatch for one packet without ancillary data.
func (c *filteredConn) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := c.UDPConn.ReadFromUDPAddrPort(b)
		if err != nil {
			return n, nil, err
		}
		if c.mux.admit(b[:n], from) {
			return n, net.UDPAddrFromAddrPort(from), nil
		}
	}
}

func addrPort(a net.Addr) (netip.AddrPort, bool) {
	udp, ok := a.(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}, false
	}
	return udp.AddrPort(), true
}
