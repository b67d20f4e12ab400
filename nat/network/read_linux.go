package network

import "os"

// Current reads what network this machine is on. A table that cannot be read
// counts as empty, so that a machine without /proc still has its addresses.
func Current() (State, error) {
	list, err := interfaces()
	if err != nil {
		return State{}, err
	}
	flags := parseFlags6(table("if_inet6"))
	for i, a := range list {
		f := flags[a.Prefix.Addr()]
		list[i].Temporary = f&addressTemporary != 0
		list[i].Outdated = f&(addressDeprecated|addressTentative|addressDADFailed) != 0
	}
	s := State{Addresses: list, Four: parseRoutes4(table("route")), Six: parseRoutes6(table("ipv6_route"))}
	if s.Four.Gateway.IsValid() {
		s.Four.Hardware = parseHardware(table("arp"), s.Four.Interface, s.Four.Gateway)
	}
	return s, nil
}

// table reads one of the kernel's, as the calling thread's network namespace has
// it.
func table(name string) string {
	text, err := os.ReadFile("/proc/thread-self/net/" + name)
	if err != nil {
		return ""
	}
	return string(text)
}
