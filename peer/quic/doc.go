// Package quic is the native way of connecting two clients (package peer): ICE
// (RFC 8445) punches a path through the routers in between, and QUIC (RFC 9000)
// runs on the very same socket, straight to the address ICE has proven. The
// Jingle transport is "urn:godwit:transports:ice-quic:0" (package icequic).
//
// What may enter: gathering and checking candidates, the TLS identity of this
// client's start, the QUIC connection and its one stream. With udpmux it is the
// only room that imports pion's ICE, and quic-go beside link/quic.
//
// What may not enter: Jingle, contacts and settings (package peer and its
// callers), XML framing (link/bytestream), trust in a link once it is up
// (client/path). Liveness here is QUIC's: 10 s of silence end the connection.
//
// On the wire, after offer and answer have been exchanged:
//
//   - The initiator is the controlling ICE agent (RFC 8445 §6.1.1). Each side
//     checks from one socket. USERNAME is as in RFC 8445 §7.2.2.
//   - The side whose fingerprint says setup='active' (the responder, unless its
//     offer demands otherwise) is the QUIC client. It dials the address that ICE
//     selected, with ALPN "xmpp-direct" and, as server name, the first 32
//     hexadecimal digits of the SHA-256 of the Jingle session id. QUIC packets
//     are accepted only from addresses that answered an ICE check.
//   - Both present a self-signed certificate, and each refuses one whose SHA-256
//     is not the fingerprint the other gave in the introduction (XEP-0320). TLS
//     1.3 only; no resumption, no early data.
//   - The initiator opens one bidirectional stream. Its first byte, 0x00, is the
//     type of the stream: an XML stream (XEP-0247) follows, in both directions,
//     framed as on TCP (RFC 6120 §4). Other types are reserved.
//   - Each side keeps the connection alive every 3 s and gives it up after 10 s
//     without a packet. It ends with application error 0.
package quic
