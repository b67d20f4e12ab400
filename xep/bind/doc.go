// Package bind is the codec of resource binding (RFC 6120 §7).
//
// It may not hold the choice of a resource or what happens on a conflict.
package bind
