// Package register is the codec of In-Band Registration (XEP-0077, version 2.4).
//
// It may not hold who may register, or what a password may be. Data forms (§4) are not part of it: what this server asks for fits the
// predefined fields.
package register
