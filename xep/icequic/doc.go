// Package icequic is the codec of the Jingle transport
// "urn:godwit:transports:ice-quic:0": a streaming transport in which ICE
// (RFC 8445) finds a path and QUIC (RFC 9000) runs on it. It has the syntax of
// ICE-UDP (XEP-0176) with the fingerprint of XEP-0320, in a namespace of its
// own; unlike there, one transport-info may carry several candidates.
//
// The fingerprint is required in offer and answer: it is what the two QUIC
// endpoints authenticate each other by. The meaning of 'setup' is that of
// XEP-0320 with QUIC in the place of DTLS: the active side is the QUIC client.
//
// It may not hold anything that opens sockets; that is package peer/quic.
package icequic
