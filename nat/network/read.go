package network

import (
	"net"
	"net/netip"
)

// maxAddresses bounds what is read; hosts of containers have hundreds.
const maxAddresses = 4096

// interfaces lists the addresses of the interfaces that are up and connected,
// loopback ones excepted.
func interfaces() ([]Address, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var list []Address
	for _, i := range all {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagRunning == 0 || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		addresses, err := i.Addrs()
		if err != nil {
			continue // it went away meanwhile
		}
		for _, a := range addresses {
			n, ok := a.(*net.IPNet)
			if !ok || len(list) == maxAddresses {
				continue
			}
			ip, ok := netip.AddrFromSlice(n.IP)
			ones, bits := n.Mask.Size()
			if ip = ip.Unmap(); ok && bits == ip.BitLen() {
				list = append(list, Address{Prefix: netip.PrefixFrom(ip, ones), Interface: i.Name})
			}
		}
	}
	return list, nil
}
