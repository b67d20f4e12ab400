// Package deliver is the pipeline every stanza of a client goes through. For a message it reads from top to bottom in message.go:
//
//	authorise → strip what only the server may say → plan → store → acknowledge → route → copy
//
// Durable comes first, acknowledging second, delivering third (XEP-0198 §4: an acknowledged stanza is the server's to keep). What one session
// sends keeps its order, also when some of it has to wait for the disk: see [Line].
//
// Decisions are pure functions (sanitise.go, plan.go, server/route). Sessions, rosters and inboxes belong to server/account; requests are
// answered by the rooms that server/handler lists. No listener, no SQL and no wait for a client may enter here.
package deliver
