// Package xmlstreamapp is the codec of the Jingle application "XML streams"
// (XEP-0247, version 0.2): a session that carries an XMPP stream between two
// clients. Its description has no parameters.
//
// It may not hold anything else; the stream itself is package stream's.
package xmlstreamapp
