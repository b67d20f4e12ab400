// Package ibb is the codec of In-Band Bytestreams (XEP-0047, version 2.0.1) and
// of the Jingle transport that negotiates them (XEP-0261, version 1.0): bytes in
// numbered blocks inside stanzas.
//
// It may not count blocks or hold what they are part of.
package ibb
