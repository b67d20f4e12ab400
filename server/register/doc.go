// Package register is in-band registration (XEP-0077): strangers make an account before they sign in, owners change their password and give
// their account up afterwards.
//
// What a password becomes before it is stored belongs to the caller, who hands this room functions; it never keeps one. Invitations and forms
// with more questions belong to rooms of their own.
package register
