// Package carbons is the codec of Message Carbons (XEP-0280, version 1.0.1):
// switching copies on and off, the copies themselves, and the wish for none.
//
// It may not hold the rules which messages are copied. A receiver must check
// that a copy comes from its own bare address (§11); this package cannot.
package carbons
