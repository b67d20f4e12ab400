// Package bytestream frames XMPP as RFC 6120 §4 says, one open-ended XML
// document in each direction, over any io.ReadWriteCloser: a TCP or TLS
// connection, a QUIC stream, a pipe in memory. Transports wrap what it makes.
//
// It may not know what a particular transport is: no net, no crypto/tls, no
// QUIC. Dialling, listening, certificates and TLS belong to the packages that
// use it.
//
// An idle link costs its struct and the goroutine of its owner's reader: there
// is no writer goroutine and no buffer while nothing is queued or half read.
package bytestream
