// Package invite makes and uses invitations: to become somebody's contact, to make
// an account, or both (XEP-0379, XEP-0401, XEP-0445).
//
// An invitation is a token that cannot be guessed; the store has its hash only. What
// may not enter: how accounts are made, what a roster looks like, pages and pictures.
// Those are handed in, or ask.
package invite
