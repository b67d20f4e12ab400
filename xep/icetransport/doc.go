// Package icetransport is the codec of the Jingle transport ICE-UDP (XEP-0176,
// version 1.1.1), with the fingerprint that pins the peer's key (XEP-0320,
// version 1.0.0). Transports that differ only in their namespace share it.
//
// It may not gather, check or choose candidates, and holds no policy about which
// addresses may be told to whom.
package icetransport
