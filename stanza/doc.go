// Package stanza holds message, presence and IQ, and the errors they carry, as values (RFC 6120 §8, RFC 6121): the head
// parsed, the content kept as one slice of canonical bytes that copies share. A stanza is parsed once at the edge,
// changed by making a cheap copy, and written with its head spliced in front of the untouched content.
//
// What may not enter: the meaning of any payload (that is xep/<name>), routing, sockets, time, logging.
package stanza
