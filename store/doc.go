// Package store says what the server remembers: plain records and one small contract per concept (accounts, roster,
// archive, inbox, blocklist, published items, secrets, uploads, and the group commit that makes messages durable).
//
// A feature asks for the contracts it uses, so its constructor shows what it can touch. Every implementation passes the
// suite in store/storetest; store/sqlite is the server's own, store/memory is for tests.
//
// What may not enter: SQL, drivers, files, stanza parsing, protocol decisions (who may see what, when to archive) and
// clocks. Addresses arrive normalised (package jid) and stanzas as opaque canonical bytes.
//
// # Rules that hold for every contract
//
// All methods may be called from many goroutines. What a method returned without an error is durable: it survives the
// death of the process and loss of power. Another process may have the same data open (the command line adds people
// while the server runs), so nothing is answered from memory that the other process may have changed.
//
// Byte slices handed in are not kept after the call returns, except those in a [Batch], which must not be changed until
// its done function has run. Byte slices handed out belong to the caller.
//
// Times are kept in UTC to the microsecond.
package store
