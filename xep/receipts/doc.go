// Package receipts is the codec of Message Delivery Receipts (XEP-0184,
// version 1.4.0).
//
// It may not hold the decision whether to ask or to answer.
package receipts
