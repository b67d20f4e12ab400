// Package relay is the embedded STUN server: it tells a client from which
// address and port its packets arrive (RFC 8489), over UDP and over TCP.
//
// What may enter: answering STUN requests, and later the TURN relay (RFC 8656)
// and NAT behaviour discovery (RFC 5780), which share the same sockets, limits
// and counters. It is the only room that may import pion's TURN server.
//
// What may not enter: accounts, XMPP, configuration files, metrics formats.
// Credentials and policies come in as functions from the outside.
//
// The server keeps no state per client other than a rate limiter with a fixed
// bound, answers only Binding requests, never sends more than one small packet
// for one received, and drops what it does not understand without an answer.
package relay
