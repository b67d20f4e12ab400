// Package linktest holds every link to the same promises: order, framing,
// bounds, closing, and nothing left behind. It also joins two ends in memory,
// with and without the appearance of TLS, for tests of what lies above.
//
// It is imported by tests only and may not know any particular transport except
// the in-memory one it makes.
package linktest
