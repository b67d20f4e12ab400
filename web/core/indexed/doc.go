// Package indexed is the log of package journal in the browser's database (IndexedDB 3.0):
// one database for each account, one store, one record for each change, under numbers that
// the database gives.
//
// It knows bytes and nothing of what they say.
package indexed
