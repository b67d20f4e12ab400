// Package hashes is the codec of Use of Cryptographic Hash Functions (XEP-0300,
// version 1.0.0): a digest beside the name of its function.
//
// It may not compute anything.
package hashes
