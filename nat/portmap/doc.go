// Package portmap asks the router of the network this machine is on to send what
// arrives at one of its outside UDP ports to a port of this machine: by PCP
// (RFC 6887, the MAP opcode), NAT-PMP (RFC 6886) and UPnP IGD (versions 1 and 2).
// A device behind a symmetric NAT can then be reached directly by everybody, and
// an IPv6 firewall that speaks PCP opens its port.
//
// All protocols are looked for at once. A mapping is made by the best that
// answers, PCP before NAT-PMP before UPnP, and each lets the better ones only
// a moment of advantage, so that routers that speak all of them are not left
// with three mappings. A Mapper renews its mappings at half their lifetime, makes
// them anew after the network has changed, and removes them when it is closed.
//
// # Who is believed
//
// None of the protocols has authentication: whoever can send packets on the
// local network can lie. So an answer is taken only from the router's address
// (and, with PCP, with the random nonce of the question), outside addresses
// that cannot be are refused, everything read is bounded, and UPnP's URLs are
// followed only to the very address that answered the search, which must be the
// router or at least on the local network; never by name, never by redirection,
// never through a proxy. A wrong address that gets through all this costs a few
// connectivity checks that nobody answers: nothing is sent to it on the strength
// of a mapping alone.
//
// # Choices
//
// The 12-byte packets of NAT-PMP are made here rather than by
// github.com/jackpal/go-nat-pmp, which blocks for up to 128 s, knows no context
// and takes an answer for another port. Of github.com/huin/goupnp the SOAP layer
// and the device description are used, with an HTTP client of ours below; its
// search is not, because it waits out its whole time limit, asks on every
// interface, and does not tell who answered.
//
// # What may not enter
//
// Finding the router (package network), the client's socket, STUN, and anything
// that knows what a mapped address is used for.
package portmap
