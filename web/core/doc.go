// Command core is the client in a page: the same package client that runs natively,
// compiled to WebAssembly, in a Worker of its own. It speaks the commands and events of
// package headless with the page; see docs/web.md for the messages between the two.
//
// Its rooms bring what the browser has instead of sockets and files: socket a WebSocket,
// indexed the database, rtc the page's RTCPeerConnection, bulk uploads and files. What
// happens when is decided in client and nowhere here. No net, net/http, crypto/tls and
// no pion may enter, however deep: archtest looks.
package main
