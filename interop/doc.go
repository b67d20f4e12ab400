// Package interop runs clients that others wrote against the real program: slixmpp (Python), go-sendxmpp and profanity,
// as Debian ships them, beside our own `godwit headless`. What passes here works for people who keep their client.
//
// Beside them Chromium's headless shell, whose RTCPeerConnection is what every web client has: a plain page
// (testdata/channel.html) builds a data channel with our transport, in a network namespace that has only loopback.
//
// In the same browser strophe.js, the library most web clients stand on, signs in over our WebSocket from a page of
// somebody else's (testdata/strophe, installed by npm from its lock file when the test runs).
//
// Each test starts a server of its own on loopback. A client that is not installed skips its tests, or with CI=true
// fails them. testdata/slix.py makes slixmpp a process of JSON lines; what it can do is listed there.
//
// What may not enter: tests of our own client alone (netlab/story, client/clienttest), and any XML written by us: the
// point is what others send.
package interop
