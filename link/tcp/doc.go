// Package tcp carries links over TCP (RFC 6120 §3): a Listener and a Dialer,
// TLS in place (STARTTLS, §5) or from the first byte (XEP-0368), channel
// binding (RFC 5929, RFC 9266), and finding a domain's server by SRV records
// (§3.2).
//
// Framing, queues and closing are package bytestream's. What is said on a link,
// and whether unencrypted links are acceptable, is package stream's.
package tcp
