// Package nat finds out what kind of network this machine is behind: how its
// NAT maps and filters (RFC 4787 §4, §5), by asking STUN servers the way
// RFC 5780 describes, and the classic name people know for it (RFC 3489 §5).
//
// Discover asks; Report tells, what is not certain included. A Report holds the
// reach.Reach that contacts may be told. Nothing here decides whether a direct
// path is tried: what was found may have changed a second later (RFC 5780 §1),
// and ICE finds out by itself. What is found explains, and chooses the extra
// tool (a port mapping, guessing ports).
//
// # How it asks
//
// Six sockets a family, all at once. One asks every address of the servers: its
// outside addresses tell the mapping. Two ask the first server to answer from
// its other address and its other port (CHANGE-REQUEST); they never send
// anything there, or the NAT would let the answer in because of that. Three
// more only tell how ports are given out. Every try is a transaction of its own,
// so that a late answer is known for what it is. That nothing came is believed
// only when the same sender has answered a direct question, so that a server
// with a dead address is not taken for a filter, and after enough tries: see
// rounds.
//
// # What is never sent
//
// No packet to this machine's own outside address. A hairpin test looks like an
// attack to some firewalls (source and destination are the same, a "LAND"
// packet), which then cut the sessions of the whole house, and its result would
// change nothing: whether two peers behind one NAT reach each other through it,
// ICE's own checks between them show.
//
// # What may not enter
//
// XMPP, Jingle and ICE; words for people (package nat/outlook and the program
// have them); talking to the router (nat/portmap) and watching interfaces
// (nat/network), whose findings come in as facts.
package nat
