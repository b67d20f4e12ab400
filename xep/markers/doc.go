// Package markers is the codec of Displayed Markers (XEP-0333, version
// 1.0.0): everything up to this message has been seen.
//
// It may not hold the decision whether to tell.
package markers
