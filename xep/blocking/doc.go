// Package blocking is the codec of the Blocking Command (XEP-0191, version 1.3):
// the blocklist, the two commands on it and their pushes, and the error
// condition that tells why a stanza to a blocked address went nowhere.
//
// It may not hold the rules which stanza a blocklist stops.
package blocking
