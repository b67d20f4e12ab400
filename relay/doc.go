// Package relay is the embedded STUN and TURN server: it tells a client from
// which address and port its packets arrive (RFC 8489), helps it to find out what
// its network does to them (RFC 5780), and relays for those that no direct path
// reaches (RFC 8656), over UDP, TCP and TLS.
//
// What may enter: STUN, TURN, and what bounds them: credentials, quotas, the
// check of peers' addresses. It is the only room that may import pion's TURN
// server.
//
// What may not enter: accounts, XMPP, configuration files, metrics formats.
// Policies come in as values and functions from the outside; an account is a
// string here, that comes back in events.
//
// To strangers the server keeps no state other than rate limiters with a fixed
// bound, never sends more than one small packet for one received, and drops what
// it does not understand without an answer. Requests for the relay are parsed,
// authenticated and authorised here; the library sees only what passed, signed
// anew by us, and data of clients that have an allocation. Every datagram that
// leaves a relay socket is judged by the same policy as the requests.
package relay
