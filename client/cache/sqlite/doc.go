// Package sqlite is a client's cache in one SQLite file: plain SQL and numbered migrations over store/sqlitedb, which holds the driver
// and the group commit.
//
// What may not enter: decisions, XML, clocks; anything the suite in cache/cachetest does not ask of every cache. It is the one part
// of the client that does not compile for a browser.
package sqlite
