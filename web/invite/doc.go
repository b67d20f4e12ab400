// Package invite is the page that explains an invitation (XEP-0401 §4.2): from whom it
// is, whether it is good, and the ways to follow it. It needs no script.
//
// What an invitation is comes in through a function. No account, no stanza and no store
// may enter.
package invite
