// Package storetest holds the suite that every implementation of package store passes. It is imported by tests only.
//
// What may not enter: anything that knows one implementation.
package storetest
