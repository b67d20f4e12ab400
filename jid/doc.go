// Package jid holds the XMPP address (RFC 7622) as a normalised, comparable value.
//
// A JID is made only by Parse, ParseBytes, MustParse and New, all of which prepare and enforce every part, so two
// addresses are equal exactly when the two values are equal with ==, and a JID may be a map key. Values are
// immutable and safe for use by many goroutines.
//
// What may not enter this room: escaping of local parts (XEP-0106), URIs, DNS, routing or any notion of who owns an
// address. It does no I/O and keeps no state.
package jid
