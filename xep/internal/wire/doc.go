// Package wire holds the few helpers that every payload codec below xep
// needs: element checks, bounded numbers, booleans, addresses, base64, and
// parse errors that already say what to answer.
//
// It may not hold anything about one particular extension, and nothing in it
// may read a clock, do I/O, log or keep state.
package wire
