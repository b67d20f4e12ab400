// Package bind2 is the codec of Bind 2 (XEP-0386, version 1.1.0): binding a
// resource and switching on carbons, stream management and client state in
// the same step as authentication.
//
// It may not hold the choice of a resource, session state, or the SASL2
// elements around it (package sasl2).
package bind2
