// Package outbox is the durable queue of one account: what the user sent and nobody has confirmed yet.
//
// A message is in the outbox before any path sees it, and leaves it when client/path says it is settled. After a crash Open returns what
// was left, in the sender's order, and it goes out again under the same ids; whoever has a copy already drops the second one
// (XEP-0359). The history is written in the same breath, so the two cannot disagree.
//
// What may not enter: choice of paths, timers, the network, XML beyond opaque bytes.
package outbox
