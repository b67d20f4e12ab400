// Package fast is the codec of Fast Authentication Streamlining Tokens
// (XEP-0484, version 0.2.0): what it adds to the elements of SASL2.
//
// It may not hold what a token is worth, where it is kept or when it is renewed.
package fast
