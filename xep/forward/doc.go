// Package forward is the codec of Stanza Forwarding (XEP-0297, version 1.0):
// a whole stanza inside another, with the time it first passed.
//
// It may not hold a decision whom to believe; carbons and archive results say
// that, and their users check it.
package forward
