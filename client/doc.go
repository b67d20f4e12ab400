// Package client is a Godwit client as an application sees it: one account, its
// contacts, its conversations. It signs in and stays signed in, keeps messages in
// order and exactly once whatever path they take, and introduces itself to the
// devices of contacts so that chats go directly between the two clients.
//
// An application makes a [Client] with [New], calls [Client.Run] on a goroutine
// of its own, reads [Client.Events] and calls the other methods from wherever it
// likes. The terminal, the JSON-lines client, the browser and bots are all such
// applications.
//
//	c, err := client.New(client.Config{JID: …, Password: …, Dialer: …, Cache: …})
//	go c.Run(ctx)
//	for e := range c.Events() { switch e := e.(type) { case client.Message: … } }
//
// # How it is built
//
// All state belongs to one goroutine, the one in Run. It sleeps until a function
// is put into its mailbox or a timer is due; readers of streams, the cache and
// the application's calls all put functions there, so nothing in this package is
// locked except the mailbox and the queue of events. Decisions are pure functions
// (backoff, classify, introduction, permission …) with tables as tests; which path
// carries a message is package client/path's, what waits is package
// client/outbox's, what is remembered is package client/cache's and how a direct
// link comes about is package peer's.
//
// # Durable before acknowledged
//
// A message that arrives is committed to the cache first. Then it is counted in
// the acknowledgement of its stream (XEP-0198), its receipt is sent (XEP-0184) and
// its event is told, once for every message however many copies arrive.
//
// # What may not enter
//
// Sockets, TLS, HTTP, files, databases, user interface, and anything that does not
// compile to js/wasm: the wire, the direct transport and the cache come in through
// the interfaces of [Config].
package client
