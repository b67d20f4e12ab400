// Package filemeta is the codec of File metadata element (XEP-0446, version
// 0.2.0), in its own namespace and in that of Jingle file transfer (XEP-0234
// §6), and the one place where a file's name from somebody else is made
// harmless.
//
// It may not read files or decide what is shown.
package filemeta
