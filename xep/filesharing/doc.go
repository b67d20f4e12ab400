// Package filesharing is the codec of Stateless file sharing (XEP-0447, version
// 0.3.1): a message that is a file, where it can be had (URLs of XEP-0103, a
// Jingle session to ask for of XEP-0358), and the message that adds such a place
// later (XEP-0367).
//
// It may not fetch anything or decide which place is trusted.
package filesharing
