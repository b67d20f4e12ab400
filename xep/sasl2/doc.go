// Package sasl2 is the codec of the Extensible SASL Profile (XEP-0388, version
// 1.0.4): authentication in fewer steps, with binding and resumption inline.
//
// It may not hold mechanisms, secrets or stream state. Tasks that follow an
// exchange are named by Continue and not carried out.
package sasl2
