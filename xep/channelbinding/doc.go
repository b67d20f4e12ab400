// Package channelbinding is the codec of SASL Channel-Binding Type Capability
// (XEP-0440, version 1.0.0): which kinds of channel binding a server offers.
//
// It may not hold binding data or the choice among kinds.
package channelbinding
