// Package sasl1 is the codec of the SASL profile of RFC 6120 §6: the elements
// that carry a mechanism's data over a stream.
//
// It may not hold mechanisms, secrets, retry counts or stream state; those
// belong to packages sasl and stream.
package sasl1
