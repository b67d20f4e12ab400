// Package filetransfer is the codec of Jingle File Transfer (XEP-0234, version
// 0.19.1): the description of a file on offer, and what is told about it during
// the session.
//
// It may not hold the state of a transfer, or bytes.
package filetransfer
