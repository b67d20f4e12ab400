// Package framing is RFC 7395's way to carry XMPP in messages instead of a
// stream of bytes: every message is one element, a document of its own; <open/>
// begins a stream and <close/> ends it. Link makes a link.Link of anything that
// carries whole messages in order: a WebSocket natively (package link/ws) or in a
// page, a data channel.
//
// It knows framing, a bounded send queue, the order in which a conversation ends,
// and what was heard when. What carries the messages comes in as a Conn. No
// network, no TLS and no HTTP may enter: it is compiled into the browser client.
package framing
