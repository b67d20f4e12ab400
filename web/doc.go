// Package web is the server's HTTP face: one handler for the web client's files,
// the WebSocket, discovery (XEP-0156), the page that explains how to trust the
// server's own certificate, and the handlers of other rooms. It gives every answer
// the headers that keep a browser safe.
//
// What it serves comes in: files as an fs.FS, everything that speaks a protocol
// as an http.Handler. No stanza and no account may enter, and no listener: whoever
// calls it has that.
package web
