// Package sqlite is the server's store on one SQLite file: the contracts of package store in plain SQL, on the group
// commit of package sqlitedb. The schema is in migrations/, numbered; a file that has been released is never edited.
//
// What may not enter: the driver (sqlitedb's), protocol decisions, caches of what another process may change.
package sqlite
