// Package ws carries XMPP over WebSocket (RFC 7395): the server's end as an
// http.Handler, the client's as a dialer that finds the server by XEP-0156.
//
// It knows HTTP and WebSocket, and framing only through link/framing. What
// happens on a link is not its business; who may open one it decides by Origin
// and number. Keep-alive is WebSocket's own ping: RFC 7395 (§3.8) has no white
// space for that.
package ws
