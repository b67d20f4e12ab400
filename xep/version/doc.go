// Package version is the codec of Software Version (XEP-0092, version 1.1).
//
// It may not hold this program's own version.
package version
