// Package jingle is the codec of Jingle (XEP-0166, version 1.1.2): the element
// that offers, accepts, changes and ends a session, and its error conditions.
//
// It may not hold session state, tie-breaking, timers, or anything about one
// application or transport; package peer does the introduction.
package jingle
