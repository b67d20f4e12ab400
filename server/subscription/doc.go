// Package subscription decides what a presence subscription stanza does to one roster entry: the state machine of RFC 6121 §3 and its
// appendix A, with pre-approval (RFC 6121 §3.4).
//
// It is pure: a [State] and a stanza type go in, an [Outcome] comes out. Loading, storing, pushing and routing belong to server/account;
// nothing that knows a store, a session or a clock may enter here.
package subscription
