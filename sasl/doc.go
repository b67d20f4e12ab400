// Package sasl holds the authentication mechanisms as pure state machines, both ends: SCRAM-SHA-1, -256 and -512
// with and without channel binding (RFC 5802, RFC 7677), and PLAIN (RFC 4616).
//
// An exchange is bytes in, bytes out. It never sees XML or base64 of the profile around it, so SASL1 (RFC 6120 §6)
// and SASL2 (XEP-0388) drive the same machines. A machine belongs to the goroutine that drives it; configurations
// may be shared.
//
// Both ends protect against downgrades: channel binding by the types announced with XEP-0440, the 'y' flag of RFC
// 5802 §6, and the hash over everything announced of XEP-0474 0.5 ("h" in the server's first message).
//
// What may not enter this room: I/O, clocks, TLS, storage, logging, XML. Channel-binding data and credentials come in
// through functions. The one source of randomness is crypto/rand. SCRAM is written out here because the room must
// compile without crypto/tls and the hash of XEP-0474 is part of the messages; the tests hold it against the
// vectors of the RFCs and against an independent implementation.
package sasl
