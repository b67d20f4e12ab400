// Package guess finds a path where ordinary checks cannot: between a router that
// gives every destination another port (a symmetric NAT) and one that lets only
// the address and port in that was sent to (a port-restricted cone). The one side
// opens many sockets, and so many ports of its router; the other sends checks to
// random ports there. Few checks are needed until one hits, for the reason why
// few people need to be in a room for two of them to share a birthday.
//
// What may enter: who does which part, which ports, how fast, how often, what is
// remembered of failures, and the sockets as long as nothing has been found.
//
// What may not enter: introductions, checks and their credentials (package ice),
// what becomes of a socket on which a check has arrived (package peer/quic).
//
// It is bounded on purpose: MaxProbes checks in all at Rate a second, from one
// side to one IP address that the peer has named as its own, one try at a time,
// never between two symmetric NATs, where it would take tens of thousands, and
// not again for Remember after it was in vain.
package guess
