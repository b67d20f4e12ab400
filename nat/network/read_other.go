//go:build !linux

package network

// Current says what network this machine is on, as far as the standard library
// knows. The router is a guess: the first address of the subnet.
func Current() (State, error) {
	list, err := interfaces()
	if err != nil {
		return State{}, err
	}
	return guess(list, source("udp4", "192.0.2.1:9"), source("udp6", "[2001:db8::1]:9")), nil
}
