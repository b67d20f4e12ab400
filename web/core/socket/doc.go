// Package socket is the wire of the client in a page: XMPP over the browser's WebSocket
// (RFC 7395). The browser resolves, connects, checks certificates and keeps the origin;
// this package makes a link of it.
//
// It knows WebSocket and no XMPP beyond its sub-protocol's name. When and whether to
// connect again is the client's business.
package socket
