//go:build linux

package netlab

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Packet is a captured IP packet. What the system hands to an interface at once
// and cuts up later counts as one.
type Packet struct {
	At       time.Time
	Outgoing bool           // of the node
	Src, Dst netip.AddrPort // ports are 0 where the protocol has none, and in later fragments
	Protocol uint8          // of IANA's list: 6 TCP, 17 UDP, 1 ICMP, 58 ICMPv6
	Payload  []byte         // behind the UDP or TCP header, or behind the IP header
}

func (p Packet) String() string {
	arrow := "in "
	if p.Outgoing {
		arrow = "out"
	}
	return fmt.Sprintf("%s %s protocol %d %v > %v, %d bytes", p.At.Format("15:04:05.000000"), arrow, p.Protocol, p.Src, p.Dst, len(p.Payload))
}

// Capture records every IP packet on all interfaces of a host but loopback, or
// on the outside interface of a NAT box, with addresses as they are there. One
// goroutine fills it; its methods may be called from any.
type Capture struct {
	t    testing.TB
	name string
	file *os.File

	mu      sync.Mutex // guards the rest
	packets []Packet
	bytes   int
	failure error
	done    chan struct{}
}

const (
	captureBuffer = 64 << 20  // in the kernel
	captureLimit  = 512 << 20 // bytes kept; more is an error
)

// Capture starts to record what the host sends and receives.
func (h *Host) Capture() *Capture { return h.lab.capture(&h.node, "") }

// Capture starts to record what passes the outside of the box.
func (n *NAT) Capture() *Capture { return n.lab.capture(&n.node, "wan") }

func (l *Lab) capture(n *node, ifname string) *Capture {
	l.t.Helper()
	c := &Capture{t: l.t, name: n.name, done: make(chan struct{})}
	var loopback int
	l.must(n.ns.do(func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return fmt.Errorf("netlab: capturing on %s: %w", n.name, err)
		}
		c.file = os.NewFile(uintptr(fd), "capture")
		index := 0
		if ifname != "" {
			if index, err = interfaceIndex(fd, ifname); err != nil {
				return err
			}
		}
		if loopback, err = interfaceIndex(fd, "lo"); err != nil {
			return err
		}
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, captureBuffer)
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: networkOrder(unix.ETH_P_ALL), Ifindex: index})
	}))
	go c.read(loopback)
	l.keep(c)
	return c
}

func networkOrder(v uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v))
}

// interfaceIndex asks in the socket's namespace.
func interfaceIndex(fd int, name string) (int, error) {
	req, err := unix.NewIfreq(name)
	if err != nil {
		return 0, err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, req); err != nil {
		return 0, fmt.Errorf("netlab: interface %s: %w", name, err)
	}
	return int(req.Uint32()), nil
}

func (c *Capture) read(loopback int) {
	defer close(c.done)
	raw, err := c.file.SyscallConn()
	if err != nil {
		c.fail(err)
		return
	}
	buf := make([]byte, 1<<17)
	for {
		var n int
		var from unix.Sockaddr
		var readErr error
		err := raw.Read(func(fd uintptr) bool {
			n, from, readErr = unix.Recvfrom(int(fd), buf, 0)
			return readErr != unix.EAGAIN
		})
		if err != nil {
			return // closed
		}
		if readErr != nil {
			if readErr == unix.ENETDOWN || readErr == unix.EINTR {
				continue // an interface went down; the others go on
			}
			c.fail(readErr)
			return
		}
		link, ok := from.(*unix.SockaddrLinklayer)
		if !ok || link.Ifindex == loopback {
			continue
		}
		if p, ok := parsePacket(buf[:n]); ok {
			p.At, p.Outgoing = time.Now(), link.Pkttype == unix.PACKET_OUTGOING
			c.add(p)
		}
	}
}

func (c *Capture) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failure = err
}

func (c *Capture) add(p Packet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bytes += len(p.Payload); c.bytes > captureLimit {
		c.failure = errors.New("more than the capture can hold")
		return
	}
	c.packets = append(c.packets, p)
}

// Close ends the recording. What was recorded stays.
func (c *Capture) Close() error {
	err := c.file.Close()
	<-c.done
	return err
}

// Packets is everything recorded so far, in the order in which it passed. The
// test ends if anything is missing, so that an absence proves something.
func (c *Capture) Packets() []Packet {
	c.t.Helper()
	if drops := c.dropped(); drops > 0 {
		c.fail(fmt.Errorf("the kernel dropped %d packets", drops))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failure != nil {
		c.t.Fatalf("netlab: the capture on %s is not complete: %v", c.name, c.failure)
	}
	return slices.Clone(c.packets)
}

// dropped asks the kernel how much it could not hand over since the last time.
func (c *Capture) dropped() uint32 {
	raw, err := c.file.SyscallConn()
	if err != nil {
		return 0 // closed
	}
	var stats *unix.TpacketStats
	_ = raw.Control(func(fd uintptr) {
		stats, _ = unix.GetsockoptTpacketStats(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS)
	})
	if stats == nil {
		return 0
	}
	return stats.Drops
}

// Between is what passed between two addresses, either way.
func (c *Capture) Between(a, b netip.Addr) []Packet {
	c.t.Helper()
	return slices.DeleteFunc(c.Packets(), func(p Packet) bool {
		from, to := p.Src.Addr(), p.Dst.Addr()
		return !(from == a && to == b || from == b && to == a)
	})
}

// Mentioning are the packets in whose payload an address can be read: as text,
// as bytes, or as STUN writes it to hide it from translators (RFC 8489 §14.2).
// What is encrypted it cannot find.
func (c *Capture) Mentioning(a netip.Addr) []Packet {
	c.t.Helper()
	return slices.DeleteFunc(c.Packets(), func(p Packet) bool { return !mentions(p.Payload, a) })
}

func mentions(payload []byte, a netip.Addr) bool {
	return bytes.Contains(payload, []byte(a.String())) || bytes.Contains(payload, a.AsSlice()) || bytes.Contains(payload, xorred(payload, a))
}

// xorred is the address in the form of XOR-MAPPED-ADDRESS in a STUN message, which
// in IPv6 depends on its transaction.
func xorred(message []byte, a netip.Addr) []byte {
	key := []byte{0x21, 0x12, 0xa4, 0x42}
	if len(message) >= 20 { // the transaction follows the cookie
		key = append(key, message[8:20]...)
	}
	b := a.AsSlice()
	for i := range min(len(b), len(key)) {
		b[i] ^= key[i]
	}
	return b
}

// parsePacket takes an IP packet apart; ok is false for other things and for
// headers that are cut off.
func parsePacket(b []byte) (p Packet, ok bool) {
	var from, to netip.Addr
	var body []byte
	fragment := false
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		size := int(b[0]&15) * 4
		if size < 20 || len(b) < size {
			return p, false
		}
		from, _ = netip.AddrFromSlice(b[12:16])
		to, _ = netip.AddrFromSlice(b[16:20])
		p.Protocol, body = b[9], b[size:]
		fragment = binary.BigEndian.Uint16(b[6:])&0x1fff != 0
	case len(b) >= 40 && b[0]>>4 == 6:
		from, _ = netip.AddrFromSlice(b[8:24])
		to, _ = netip.AddrFromSlice(b[24:40])
		p.Protocol, body = b[6], b[40:]
	default:
		return p, false
	}
	var sport, dport uint16
	if !fragment {
		sport, dport, body = ports(p.Protocol, body)
	}
	p.Src, p.Dst = netip.AddrPortFrom(from, sport), netip.AddrPortFrom(to, dport)
	p.Payload = bytes.Clone(body)
	return p, true
}

// ports reads the ports of UDP and TCP and returns what is behind their headers.
func ports(protocol uint8, body []byte) (src, dst uint16, rest []byte) {
	size := 0
	switch {
	case protocol == syscall.IPPROTO_UDP && len(body) >= 8:
		size = 8
	case protocol == syscall.IPPROTO_TCP && len(body) >= 20:
		size = min(int(body[12]>>4)*4, len(body))
	default:
		return 0, 0, body
	}
	return binary.BigEndian.Uint16(body), binary.BigEndian.Uint16(body[2:]), body[size:]
}
