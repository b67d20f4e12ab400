package relay

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// ownRefresh is how old the list of this host's addresses may be.
const ownRefresh = 10 * time.Second

// ownAddresses knows the addresses of this host, those under which the world
// reaches it, and the broadcast addresses of its networks. The list of
// interfaces is read again when it is old; the rest is told. Safe for
// concurrent use.
type ownAddresses struct {
	list func() []netip.Prefix

	mu     sync.Mutex // held by who writes
	told   map[netip.Addr]struct{}
	known  atomic.Pointer[map[netip.Addr]struct{}]
	readAt atomic.Int64 // Unix nanoseconds
}

func newOwnAddresses(list func() []netip.Prefix) *ownAddresses {
	if list == nil {
		list = interfacePrefixes
	}
	o := &ownAddresses{list: list, told: make(map[netip.Addr]struct{})}
	o.known.Store(&map[netip.Addr]struct{}{})
	return o
}

// interfacePrefixes are the addresses of the host's interfaces with the length
// of their networks.
func interfacePrefixes() []netip.Prefix {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var list []netip.Prefix
	for _, a := range addresses {
		if network, ok := a.(*net.IPNet); ok {
			if address, ok := netip.AddrFromSlice(network.IP); ok {
				bits, _ := network.Mask.Size()
				list = append(list, netip.PrefixFrom(address.Unmap(), bits))
			}
		}
	}
	return list
}

// add tells of an address that no interface has, or may not have.
func (o *ownAddresses) add(a netip.Addr) {
	if !a.IsValid() || a.IsUnspecified() {
		return
	}
	a = a.Unmap().WithZone("")
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, known := o.told[a]; !known {
		o.told[a] = struct{}{}
		o.read()
	}
}

// has reports whether the address is this host's.
func (o *ownAddresses) has(a netip.Addr) bool {
	now := time.Now().UnixNano()
	if at := o.readAt.Load(); (at == 0 || now-at > int64(ownRefresh)) && o.mu.TryLock() {
		o.read()
		o.mu.Unlock()
	}
	_, found := (*o.known.Load())[a]
	return found
}

// read is called with mu held.
func (o *ownAddresses) read() {
	known := make(map[netip.Addr]struct{}, len(o.told)+8)
	for a := range o.told {
		known[a] = struct{}{}
	}
	for _, p := range o.list() {
		known[p.Addr().Unmap().WithZone("")] = struct{}{}
		if broadcast, ok := broadcastOf(p); ok {
			known[broadcast] = struct{}{}
		}
	}
	o.known.Store(&known)
	o.readAt.Store(time.Now().UnixNano())
}

// broadcastOf is the directed broadcast address of an IPv4 network.
func broadcastOf(p netip.Prefix) (netip.Addr, bool) {
	if !p.Addr().Is4() || p.Bits() < 0 || p.Bits() > 30 {
		return netip.Addr{}, false
	}
	b := p.Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(b), true
}

// routeSource returns an address of the host in the wanted family from which the
// internet is reached, as the routing table says; nothing is sent for that.
func routeSource(v6 bool) netip.Addr {
	network, target := "udp4", "192.88.99.1:9"
	if v6 {
		network, target = "udp6", "[2001:4860::1]:9"
	}
	conn, err := net.Dial(network, target)
	if err != nil {
		return netip.Addr{}
	}
	defer conn.Close()
	local, ok := conn.LocalAddr().(*net.UDPAddr)
	if !ok {
		return netip.Addr{}
	}
	return local.AddrPort().Addr().Unmap().WithZone("")
}
