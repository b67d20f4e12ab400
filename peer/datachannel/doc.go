// Package datachannel is the way of connecting two clients that browsers and
// other people's clients know (package peer): a WebRTC data channel (RFC 8831),
// which is SCTP over DTLS on a path that ICE (RFC 8445) finds. The Jingle
// transport is "urn:xmpp:jingle:transports:webrtc-datachannel:1", or that of
// XEP-0343 (package xep/datachannel). It runs on the client's one UDP socket
// (package udpmux); only what goes through a TURN server has sockets of its own.
//
// What may enter: gathering and translating candidates, the DTLS identity of
// this client's start, the association and its one channel, and a stream on it.
// It is the only room that imports pion's WebRTC, of which it uses the parts for
// data and none for media. No SDP is made or read: what SDP would say stands in
// the Jingle element.
//
// What may not enter: Jingle, contacts and settings (package peer and its
// callers), trust in a link once it is up (client/path).
//
// On the wire, after offer and answer have been exchanged:
//
//   - The initiator is the controlling ICE agent (RFC 8445 §6.1.1). The side whose
//     fingerprint says setup='active' is the DTLS client (RFC 8842 §5.2): the
//     responder, unless its offer demands otherwise.
//   - Both present a self-signed certificate, and each refuses one whose SHA-256
//     is not the fingerprint the other gave in the introduction (XEP-0320).
//   - The initiator opens one channel in-band (RFC 8832), reliable and ordered,
//     with label "xmlstream" and protocol "xmpp". Any other channel ends the
//     session.
//   - Each message on it is one whole XML element, framed as on WebSocket
//     (RFC 7395 §3.3): <open/>, stanzas, <close/>. They are sent as text and read
//     whether text or binary. A message larger than the other side takes
//     (max-message-size, RFC 8841 §6) is never sent: the link ends with
//     ErrTooLarge, and who has the stanza sends it another way.
//   - Without an answer to checks for 10 s the connection is given up.
//
// A link moves from a relay to a direct path without a break: the initiator goes on
// checking every pair each 2 s, and from 3 s on nominates a better one anew
// (draft-thatcher-ice-renomination; the library does it). A pair that had no answer
// to 100 checks while there was no path at all (20 s) is not tried again. A relay
// that was not had at the beginning is not asked for later. A browser as initiator
// nominates once: what began on its relay stays there until client/renew introduces
// the two anew.
package datachannel
