// Package extdisco is the codec of External Service Discovery (XEP-0215,
// version 1.0.0): where STUN and TURN are, and with what credentials.
//
// It may not make credentials or resolve names.
package extdisco
