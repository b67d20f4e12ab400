// Package route decides where a stanza belongs: which resources of a local account get it, whether it waits for the account's next sign-in, or
// what the sender is told. It is the table of RFC 6121 §8.5 as one pure function.
//
// Only values go in and out. Looking up sessions, storing and sending belong to server/account and server/deliver; nothing with a clock, a
// lock or a store may enter here.
package route
