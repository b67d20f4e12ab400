// Package datetime reads and writes the date and time profiles of XMPP
// (XEP-0082, version 1.1.1): the DateTime profile and the time zone offset.
//
// It may not hold clocks, time zone databases or any payload element.
package datetime
