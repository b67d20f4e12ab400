// Package stream turns a link into an authenticated, bound, resumable XMPP
// stream, seen from either end:
//
//   - Accept is the server's side of RFC 6120: headers, STARTTLS, SASL (RFC 6120
//     §6, XEP-0388), resource binding (RFC 6120 §7, XEP-0386) and resumption
//     (XEP-0198 §5);
//   - Connect is the client's side of the same conversation;
//   - Direct is either end of a link between two clients, where the layer below
//     has authenticated both and only headers and acknowledgements remain.
//
// All three return the same Stream: stanzas in, stanzas out, acknowledged by
// counters (Management) that outlive the link, so that a session may hibernate
// and go on over another one.
//
// What may not enter: what a stanza means (rosters, delivery, policy), storage,
// configuration files, logging, sockets and TLS. Accounts are looked up and
// resources bound through the small interfaces Authenticator and Binder. The
// package is compiled into the browser client and imports neither crypto/tls
// nor net/http.
package stream
