// Package hints is the codec of Message Processing Hints (XEP-0334, version
// 1.0.0): what a sender wishes about storing and copying a message.
//
// It may not hold the decision whether to follow a hint.
package hints
