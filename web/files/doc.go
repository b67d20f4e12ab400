// Package files is the HTTP side of file upload (XEP-0363): PUT into a slot, GET,
// HEAD and ranges of what is there. It is an http.Handler to be mounted at
// /upload/.
//
// What is given out was written by strangers, so nothing of it may run in the
// name of this origin: types are believed only for pictures, sound and film whose
// first bytes agree, everything else is bytes to be saved; and each answer forbids
// guessing types, and scripts.
//
// What may not enter: who may upload how much (server/upload), paths on disk
// (store/blobs), XMPP.
package files
