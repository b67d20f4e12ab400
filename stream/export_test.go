package stream

import "godwit/xep/sasl2"

// NSSASL2ForTest is the namespace of the newer profile.
const NSSASL2ForTest = sasl2.NS
