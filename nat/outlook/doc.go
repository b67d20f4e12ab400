// Package outlook says in advance what two devices can expect of each other,
// given what they know of their networks (xep/reach): a direct path, one that
// begins with guessing ports, a relay, or only the server; why; and what either
// side could do about it. For people it has the words, in English and Chinese,
// all in one table.
//
// It explains and never decides whether something is tried. A network may have
// changed since it was looked at, and two devices behind one router, in one
// house or behind one carrier, can often do more than their routers' behaviour
// toward the world says. ICE finds out.
//
// Values go in, values come out; nothing else may enter: no network, no clock,
// no files, no other room but the codec.
package outlook
