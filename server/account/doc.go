// Package account is the single writer of one account's sessions, roster and presence.
//
// Every account that has a session, or that something is happening to, is an [Account] in the [Registry]. Its state is changed by events in
// its mailbox, one at a time: binding and losing sessions, presence in and out (RFC 6121 §4), the roster and subscriptions (RFC 6121 §2, §3),
// messages to its resources (RFC 6121 §8.5) and their carbons (XEP-0280), the inbox for who was absent (XEP-0160), hibernation and resumption
// (XEP-0198 §5). An account whose mailbox is empty has no goroutine.
//
// What may not enter: what a message must pass before it is delivered (server/deliver), requests and their payloads beyond the roster
// (server/<feature>), listeners, and any wait for a client or for another account's mailbox: accounts talk to each other by envelopes only.
package account
