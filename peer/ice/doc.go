// Package ice decides about connectivity checks (RFC 8445): which pair of
// addresses is checked when, what an incoming check means, which pair is taken,
// and when a better one replaces it. It is pure: packets and times go in, packets
// and decisions come out. Sockets, timers and signalling belong to its users.
//
// It differs from a common agent where two clients that may stay connected for
// hours need more:
//
//   - Checks go on, ever slower, while the pair taken runs through a relay, on
//     both sides; a pair without one replaces it as soon as it works.
//   - Sending never waits for anything, so a relay that is slow to permit an
//     address does not hold up the direct pairs.
//   - Bases come and go in the course of a session: a relay that is allocated
//     late or lost, a socket on which a port was guessed.
//
// What may not enter: how candidates are found, told or encrypted, QUIC, TURN.
package ice
