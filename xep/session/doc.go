// Package session is the codec of session establishment (RFC 3921 §3), which
// RFC 6121 dropped. Old clients still send it, and it does nothing.
//
// It may not hold anything else.
package session
