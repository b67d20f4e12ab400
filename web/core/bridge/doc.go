// Package bridge is what all rooms of the core need to talk to JavaScript: promises that
// are waited for, callbacks that cost nothing but themselves when they fail, bytes and
// errors in both directions.
//
// It knows the language and nothing of the browser: no WebSocket, no database, no XMPP.
package bridge
