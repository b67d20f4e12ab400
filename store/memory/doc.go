// Package memory is a store for tests: it passes the same suite as the real one, keeps nothing after Close, and starts
// no goroutine while nothing is committed, so that it can be used under testing/synctest.
//
// What may not enter: anything a real store would not do.
package memory
