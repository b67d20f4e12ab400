// Package path chooses, chat by chat, what carries each message: the server, a direct link, or both.
//
// Chat is the pure core: inputs with a time go in, effects come out. It knows ids and places in an order, never content. Set holds an
// account's chats. There is no runner: the goroutine that owns the account's sessions calls Set, carries out the effects, and sleeps
// until Next.
//
// What may not enter: clocks, goroutines, I/O, stanzas, how links are made (package peer) or kept (package client). Compiles to js/wasm.
//
// # What it promises
//
// A first message never waits for a path to be built. Everything arrives once and in the sender's order as long as the peer drops second
// copies by (sender's bare address, origin-id), whatever breaks. A working direct link replaces every other path and is not left for one
// late answer.
//
// # Why the order holds
//
// Each path is first in, first out: what arrives over it is always a prefix of what was handed to it. The server path stays one path across
// sessions as far as the server acknowledged (XEP-0198); what it had not acknowledged when a session ended for good counts as
// never handed over. A link is one path from LinkUp to LinkDown.
//
// Every message gets a place in the chat's order when it is first handed over. One rule then governs every handover, in every state:
//
//	A path is handed the message at place n only when each message at a place before n is known to have arrived, or was
//	handed to that same path before.
//
// So whenever the message at place n arrives, over whichever path, all before it have arrived: those of the second kind by the path's
// own order, those of the first kind because it is known. Hence the first arrivals are in the order of the places, and the copies that
// come second are dropped. This needs no case by case argument for switching, doubling up, falling back, resuming and restarting: each of them is
// only a handover, preceded by catching up (catchServer, catchLink) with what the path lacks. It also means that one confirmation of
// place n from a device confirms, for the sake of order, all before n: the state is one number per path and device.
//
// Three things leave that rule on purpose. A message with a route of its own that has to wait takes its place only when it is
// handed over, so others overtake it; messages of one route never overtake each other. A message that must go direct loses its place
// when newer ones have to go by the server. And with several devices, one that another device confirmed counts as arrived everywhere after
// Config.Linger; devices without the link see direct messages when they are deposited.
//
// # Trust
//
// A link is proven by an answered probe and trusted while it answers in time: any acknowledgement counts. When data or a probe stays
// unanswered for Config.Lapse, trust lapses: what is unconfirmed goes to the server in order, new messages go both ways, and a new
// introduction is asked for (Repair). The next answer that leaves nothing overdue makes it the only path again, at most once per
// Config.Steady; none within Config.Dead drops it.
//
// # Changing from one working path to another
//
// A proven direct link takes over at once when everything before is confirmed by its device. Under continuous traffic that
// moment may never come by itself, so new messages are held for at most Config.Hold while confirmations are on their way. If that does not
// help, the chat goes on where it was and tries again later; after the fourth time, or when the path before does not answer at all, the unconfirmed
// rest is sent again on the link first.
package path
