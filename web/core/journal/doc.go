// Package journal is a client's cache that works in memory and keeps every change in a
// log, from which it is made again at the next start. A browser has a database without
// SQL and with slow single steps; one change there is one record added, whatever it does
// to the history, the chats and the outbox.
//
// It knows package cache/memory, which decides what a change means, and a Log. What the log
// is, is somebody else's: package indexed has that of a browser.
package journal
