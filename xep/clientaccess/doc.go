// Package clientaccess is the codec of Client Access Management (XEP-0494,
// version 0.1.0): which clients hold access to an account, and how it is taken
// away from one.
//
// It may not hold who may see the list or what revoking does.
package clientaccess
