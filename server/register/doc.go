// Package register is in-band registration (XEP-0077): strangers make an account before they sign in, owners change their password and give
// their account up afterwards. Who has an invitation registers where others may not (XEP-0445).
//
// What a password becomes before it is stored belongs to the caller, who hands this room functions; it never keeps one. What an invitation is, and forms
// with more questions, belong to rooms of their own.
package register
