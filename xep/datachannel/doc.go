// Package datachannel is the codec of Jingle transports that carry WebRTC data
// channels (RFC 8831): SCTP over DTLS on a path that ICE finds.
//
// There are two dialects. The deployed one is a <transport/> in namespace NS,
// with 'sctp-port' and 'max-message-size' as in SDP (RFC 8841), around a
// <transport/> of ICE-UDP (XEP-0176) that has candidates and fingerprint
// (XEP-0320). No specification describes it; mobile clients use it. The other is
// XEP-0343 (version 0.3.1): ICE-UDP itself, with an <sctpmap/> inside.
//
// It may not hold SDP, sockets, or anything of the channels themselves; that is
// package peer/datachannel.
package datachannel
