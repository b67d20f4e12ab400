// Package caps is the codec of Entity Capabilities (XEP-0115, version 1.6.0):
// the hash of what a client can do, in every presence, and its check.
//
// It may not hold a cache or ask anybody. Only an answer that [Verify] passes
// may be cached for others; the format before version 1.4 has no hash and
// never passes.
//
// The hash of this specification joins its parts with '<' and does not say
// where one list ends, so that parts holding '<', and identities that look
// like features, could be shifted to give the same hash. Both are refused
// here. What remains is that trailing features can pose as a form: a cached
// answer may lack features, and so never grants more than was said.
package caps
