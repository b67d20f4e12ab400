// Package link is the contract between a transport and everything above it:
// read, write and close one framed element at a time, wherever the bytes travel.
//
// A link knows framing (how a stream header, an element and the end of a stream
// look on its transport), flow (a queue bounded in bytes, never a parked
// writer) and measurement (what was heard when). It knows nothing of
// authentication, stanzas, accounts or acknowledgements: those are package
// stream's and its callers'. Transports live in sub-packages, one each; package
// linktest holds every one of them to the same promises.
//
// This package must stay free of net, crypto/tls and net/http: it is compiled
// into the browser client. TLS is reached only through Secured and Upgrader.
package link
