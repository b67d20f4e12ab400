package network

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// events tells when the kernel said something about links, addresses or routes
// (rtnetlink). What it said is not looked at: the tables are read anyway. The
// channel is closed when ctx has ended or the kernel does not go on.
func events(ctx context.Context) (<-chan struct{}, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("network: rtnetlink: %w", err)
	}
	groups := uint32(unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR | unix.RTMGRP_IPV4_ROUTE | unix.RTMGRP_IPV6_ROUTE)
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("network: rtnetlink: %w", err)
	}
	file := os.NewFile(uintptr(fd), "rtnetlink")
	out := make(chan struct{}, 1)
	stop := context.AfterFunc(ctx, func() { _ = file.Close() })
	go func() {
		defer close(out)
		defer func() {
			if stop() {
				_ = file.Close()
			}
		}()
		buffer := make([]byte, 16<<10)
		for {
			// ENOBUFS: so much happened that some of it was dropped. That is news too.
			if _, err := file.Read(buffer); err != nil && !errors.Is(err, unix.ENOBUFS) {
				return
			}
			select {
			case out <- struct{}{}:
			default: // it will look anyway
			}
		}
	}()
	return out, nil
}
