// Package udpmux shares one UDP socket between STUN, ICE, QUIC, DTLS and TURN, so
// that one mapping in the router serves them all. The socket is the kernel's, or
// anything else that carries datagrams, such as an address on a TURN server.
//
// What may enter: telling packets apart by their first byte (RFC 9443), handing
// each kind to its owner, STUN Binding transactions that learn the socket's own
// public address (RFC 8489 §6), buffer sizes, and the list of the addresses
// from which QUIC packets are let in.
//
// What may not enter: what the owners do with their packets. Candidates,
// introductions, certificates and connections belong to package peer/quic.
//
// QUIC runs on the real socket, so that its packets keep segmentation offload
// and batched reads: Mux.QUIC is a quic.Transport whose reads pass through the
// demultiplexer, and whose writes go straight to the kernel. The one goroutine
// of that transport is the only reader of the socket.
//
//	            ┌── first byte 0–3 ─── STUN response ── by transaction ── Bind / Conn
//	            │                      STUN request ─── by USERNAME ───── Conn (ICE)
//	            │                      other, of a TURN server ────────── its Handler
//	socket ─────┼── 20–63 ──────────── DTLS, of a proven address ──────── Conn
//	            ├── 64–79 ──────────── TURN channel, of a TURN server ─── its Handler
//	            ├── 64–127, 192–255 ── QUIC, if the source was let in
//	            └── the rest ───────── dropped and counted
package udpmux
