package network

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strconv"
	"strings"
)

// Flags of routes (linux/route.h) and of IPv6 addresses (linux/if_addr.h).
const (
	routeUp      = 0x1
	routeGateway = 0x2
	routeReject  = 0x200

	addressTemporary  = 0x01
	addressDADFailed  = 0x08
	addressDeprecated = 0x20
	addressTentative  = 0x40
)

// maxLines bounds what is read of one table: a router of the internet's core has
// a million routes, and what is sought comes early or not at all.
const maxLines = 1 << 16

// parseRoutes4 finds the default route with the lowest metric in /proc/net/route.
func parseRoutes4(text string) Route {
	var best Route
	metric := uint64(1 << 63)
	lines := 0
	for line := range strings.Lines(text) {
		if lines++; lines > maxLines {
			break
		}
		f := strings.Fields(line)
		if len(f) < 8 || f[1] != "00000000" || f[7] != "00000000" {
			continue
		}
		flags, err := strconv.ParseUint(f[3], 16, 32)
		m, merr := strconv.ParseUint(f[6], 10, 32)
		gateway, ok := hostOrder(f[2])
		if err != nil || merr != nil || !ok || flags&routeUp == 0 || flags&routeReject != 0 || m >= metric {
			continue
		}
		metric, best = m, Route{Interface: f[0]}
		if flags&routeGateway != 0 && !gateway.IsUnspecified() {
			best.Gateway = gateway
		}
	}
	return best
}

// hostOrder reads an IPv4 address that the kernel printed as a number.
func hostOrder(s string) (netip.Addr, bool) {
	n, err := strconv.ParseUint(s, 16, 32)
	if err != nil || len(s) != 8 {
		return netip.Addr{}, false
	}
	var b [4]byte
	binary.NativeEndian.PutUint32(b[:], uint32(n))
	return netip.AddrFrom4(b), true
}

// parseRoutes6 does the same for /proc/net/ipv6_route.
func parseRoutes6(text string) Route {
	var best Route
	metric := uint64(1 << 63)
	lines := 0
	for line := range strings.Lines(text) {
		if lines++; lines > maxLines {
			break
		}
		f := strings.Fields(line)
		if len(f) < 10 || f[1] != "00" || strings.Trim(f[0], "0") != "" || f[9] == "lo" {
			continue
		}
		flags, err := strconv.ParseUint(f[8], 16, 32)
		m, merr := strconv.ParseUint(f[5], 16, 32)
		gateway, ok := sixteen(f[4])
		if err != nil || merr != nil || !ok || flags&routeUp == 0 || flags&routeReject != 0 || m >= metric {
			continue
		}
		metric, best = m, Route{Interface: f[9]}
		if flags&routeGateway != 0 && !gateway.IsUnspecified() {
			if gateway.IsLinkLocalUnicast() {
				gateway = gateway.WithZone(f[9])
			}
			best.Gateway = gateway
		}
	}
	return best
}

func sixteen(s string) (netip.Addr, bool) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 16 {
		return netip.Addr{}, false
	}
	return netip.AddrFrom16([16]byte(b)), true
}

// parseFlags6 reads what is special about addresses from /proc/net/if_inet6.
func parseFlags6(text string) map[netip.Addr]uint64 {
	flags := make(map[netip.Addr]uint64)
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 6 || len(flags) == maxLines {
			continue
		}
		a, ok := sixteen(f[0])
		v, err := strconv.ParseUint(f[4], 16, 32)
		if ok && err == nil {
			flags[a] = v
		}
	}
	return flags
}

// parseHardware finds the hardware address of a neighbour in /proc/net/arp.
func parseHardware(text, iface string, a netip.Addr) string {
	lines := 0
	for line := range strings.Lines(text) {
		if lines++; lines > maxLines {
			break
		}
		f := strings.Fields(line)
		if len(f) < 6 || f[0] != a.String() || f[5] != iface {
			continue
		}
		if strings.Trim(f[3], "0:") == "" {
			return "" // asked, not answered
		}
		return f[3]
	}
	return ""
}
