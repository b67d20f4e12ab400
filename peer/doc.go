// Package peer introduces two clients to each other, so that the introduction
// ends in a direct link to one device of a contact: Jingle (XEP-0166) with the
// application "XML streams" (XEP-0247) over transports that come in by a small
// interface.
//
//   - Machine is the introduction as pure decisions: stanzas, transport events
//     and the time go in, an ordered list of Ops comes out. It decides ties
//     between offers sent at the same time, deadlines, limits and errors.
//   - Introducer runs a Machine: it owns the goroutine, the timer and the
//     transports' sessions, and reports links to the client.
//   - Transport and Session are what a way of connecting must provide; package
//     peer/quic is the native one, data channels come beside it.
//
// What may not enter: sockets, ICE, QUIC, WebRTC and TLS, which live in the
// transports below this directory; choosing between links, trust, probing and
// retrying, which are client/path's; who is a contact, which comes in as a
// Policy. The package is compiled into the browser client.
//
// An introduction, seen from both sides:
//
//	initiator                                responder
//	  Connect → Offer ── session-initiate ──▸ Policy, tie-break
//	                  ◂── result ───────────
//	                  ◂── session-accept ──── Answer
//	  Remote          ─── result ───────────▸
//	  Candidates      ◂── transport-info ──▸  Candidates
//	  Connected       ◂═════ the link ══════▸ Connected
//	  Connected again ◂═ a better link ═════▸ Connected again
//	  (end of links)  ── session-terminate ─▸ (end of links)
package peer
