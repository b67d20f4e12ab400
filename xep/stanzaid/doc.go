// Package stanzaid is the codec of Unique and Stable Stanza IDs (XEP-0359,
// version 0.7.0): the sender's origin-id and the stanza-id an archive gives.
//
// It may not make ids, and it does not decide whose stanza-id to believe: only
// the one whose By is one's own archive, on a server that strips forged ones.
package stanzaid
