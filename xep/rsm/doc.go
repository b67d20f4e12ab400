// Package rsm is the codec of Result Set Management (XEP-0059, version 1.0):
// asking for a page of a long list and describing the page that came.
//
// It may not hold page limits of a service or any query; a service bounds Max
// itself.
package rsm
