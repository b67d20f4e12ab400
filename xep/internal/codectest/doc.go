// Package codectest runs the tests that all payload codecs share: tables in
// both directions and a fuzz walk over every parser.
//
// Shipped code may not import it.
package codectest
