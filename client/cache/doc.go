// Package cache says what one account's client keeps in its own database: the outbox, the message history, how far each
// archive has been read, the roster, messages that wait to be deposited, settings, and small pieces of session state.
//
// One cache belongs to one account. It holds plain records and one small contract per concept; cache/memory and
// cache/sqlite implement them all, and cache/cachetest is the suite both pass. Whoever uses a cache asks for the contract it
// needs, so a constructor shows what it can touch.
//
// What may not enter: drivers, files, clocks, XML parsing, decisions about routes or about what to show. This package and
// everything it imports compiles to js/wasm.
//
// # How duplicates end
//
// A message reaches a client as many as four times: over the direct link, from the server, as a carbon copy (XEP-0280) and
// from the archive (XEP-0313). It is one record all the same. Two keys tell that copies are the same message: the author's
// bare address with the origin-id, and the archive's address with the stanza-id (both XEP-0359). A copy that matches by either
// key is merged into the record that is there and reported as not new. The keys outlive the record they belong to, so a
// deleted message does not come back; PruneSeen forgets old ones.
//
// The caller vouches for both keys: the author is the address the stream verified, and a stanza-id counts only when it was
// given by an archive the user trusts (XEP-0359 §6).
//
// # Changes
//
// Corrections (XEP-0308) and retractions (XEP-0424) are messages with keys, places in the outbox and states of their own. They
// are kept beside what was said and never listed; the message they change shows their effect. Who may change what is decided
// here, in Message.Change: author and chat must be the same. A change may come before the message it changes.
//
// # Chats and reading
//
// The list of chats is kept up to date with each batch and never counted anew: its cost does not grow with the history. Each message
// of the other side is unread when it is added, unless it was added as Backfill, until a [Reading] covers it. So neither clocks that
// differ nor what comes late make a message count as read that nobody saw.
//
// # Durable before acknowledged
//
// What belongs together is written together in one [Batch], and a batch is on disk before its done function runs. A client
// acknowledges a stanza to the other end (XEP-0198 h, XEP-0184 receipt) only from there on.
//
// # Rules for every method
//
// All methods may be called from many goroutines. What returned without an error is durable. Byte slices handed in are not kept
// after the call, except those in a Batch, which must not change until its done function has run; slices handed out belong to
// the caller. Times are kept in UTC to the microsecond.
package cache
