// Package ping is the codec of XMPP Ping (XEP-0199, version 2.0.1).
//
// It may not hold timers or what a missing answer means.
package ping
