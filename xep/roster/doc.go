// Package roster is the codec of roster management (RFC 6121 §2) with
// versioning (§2.6) and pre-approval (§3.4).
//
// It may not hold a roster, the subscription state machine or who may read
// what.
package roster
