// Package allocation is the client's side of TURN (RFC 8656): an address on a
// server that relays, used like one more socket (package udpmux). Everybody who
// talks to two peers at once uses the same allocation.
//
// What may enter: the requests and their authentication, permissions, channels,
// UDP, TCP and TLS as ways to the server, which of them to try when, and
// keeping the allocation while somebody needs it.
//
// What may not enter: candidates and peers (package peer/quic), where servers
// and credentials come from (package client), what is said through the relay.
//
// It is not built on pion's TURN client, because of what that does here: it
// blocks the sender for the round trip of each new permission, it binds a
// channel for every address that was only probed and refreshes it for ever, and
// it does not tell that an allocation is gone.
//
// An allocation is made when the first introduction needs it and given back a
// few minutes after the last. It is checked when something may have happened to
// it (the network changed, long silence), and replaced when it is gone.
package allocation
