// Package tcpmux shares one TCP port among several protocols, so that a network which lets only port 443 out still lets everything through.
//
// It accepts, looks at the first bytes, does TLS where they begin a handshake, and tells apart by ALPN (RFC 7301: xmpp-client of XEP-0368,
// stun.turn and stun.nat-discovery of RFC 7443, h2 and http/1.1) or, where a client sends none, by the first bytes inside TLS. Each protocol
// has a net.Listener of its own and serves what comes out of it; the bytes looked at are read again.
//
//	TLS, ALPN xmpp-client, or "<" inside       XMPP, encrypted
//	"<"                                        XMPP, which must begin TLS itself (STARTTLS)
//	TLS, ALPN stun.turn, or STUN inside        TURN over TLS
//	STUN (RFC 8489 §5, with the magic cookie)  TURN over TCP
//	TLS, ALPN h2 or http/1.1, or a method      HTTPS
//	an HTTP method without TLS                 told that this port speaks HTTPS
//
// What was agreed by ALPN is binding: nothing that follows leads to another protocol, so a browser can not be made to speak XMPP or TURN here.
// All clients of these protocols speak first; who is silent, slow or speaks something else is closed and counted. Whatever strangers do costs
// a bounded time and, by the limiters handed in, bounded numbers; accepting never waits for one of them.
//
// It knows of the protocols only how they begin. No stanza, no STUN attribute and no request may enter, and nothing of what serves them.
package tcpmux
