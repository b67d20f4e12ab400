//go:build linux

package netlab

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

const (
	// ipctnlMsgCtDelete without a tuple deletes every entry
	// (linux/netfilter/nfnetlink_conntrack.h).
	ipctnlMsgCtDelete = 2
	netlinkHeader     = 16
	nfgenmsg          = 4 // family, version, resource id: all zero, every family
)

// flushConntrack makes the namespace forget every connection and NAT mapping.
func (n *namespace) flushConntrack() error {
	return n.do(func() error {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
		if err != nil {
			return fmt.Errorf("conntrack socket: %w", err)
		}
		defer func() { _ = unix.Close(fd) }()
		msg := make([]byte, netlinkHeader+nfgenmsg)
		binary.NativeEndian.PutUint32(msg[0:], uint32(len(msg)))
		binary.NativeEndian.PutUint16(msg[4:], unix.NFNL_SUBSYS_CTNETLINK<<8|ipctnlMsgCtDelete)
		binary.NativeEndian.PutUint16(msg[6:], unix.NLM_F_REQUEST|unix.NLM_F_ACK)
		binary.NativeEndian.PutUint32(msg[8:], 1)
		if err := unix.Sendto(fd, msg, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			return fmt.Errorf("conntrack flush: %w", err)
		}
		answer := make([]byte, 4096)
		got, _, err := unix.Recvfrom(fd, answer, 0)
		if err != nil {
			return fmt.Errorf("conntrack flush: %w", err)
		}
		if got < netlinkHeader+4 || binary.NativeEndian.Uint16(answer[4:]) != unix.NLMSG_ERROR {
			return fmt.Errorf("conntrack flush: unexpected answer of %d bytes", got)
		}
		if code := int32(binary.NativeEndian.Uint32(answer[netlinkHeader:])); code != 0 {
			return fmt.Errorf("conntrack flush: %w", unix.Errno(-code))
		}
		return nil
	})
}
