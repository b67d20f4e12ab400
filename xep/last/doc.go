// Package last is the codec of Last Activity (XEP-0012, version 2.0).
//
// It may not hold a clock or the decision who may ask.
package last
