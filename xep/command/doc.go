// Package command is the codec of Ad-Hoc Commands (XEP-0050, version 1.3.0): the
// element that executes a command and carries its form.
//
// It may not hold any command.
package command
