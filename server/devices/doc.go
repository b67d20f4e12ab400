// Package devices knows which clients have access to an account: it issues and
// checks the tokens they sign in with (XEP-0484), and shows their owner the list
// and takes access away (XEP-0494).
//
// What is kept of a token does not sign in by itself: the token is made from it
// with a secret of the server's that no other room is told. What may not enter:
// passwords, and how a token travels; that is package stream's.
package devices
