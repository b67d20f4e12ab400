// Package headless is the client without a face: one JSON object a line in, one a
// line out. Programs in any language drive it; the browser's user interface speaks
// the same commands and events.
//
// The whole contract is the structs in this package: commands.go and a file for each
// family of commands, events.go and events_chat.go; contract.go lists them all. An Engine
// drives a client by commands and tells its events; Run is the same by lines. Fields that a command does not know are ignored, events may gain
// fields, and an event of an unknown kind is to be skipped. Bad input is answered by
// an "error" event and costs nothing else.
//
// The package translates, and nothing else: no protocol logic, no files, no flags
// and no terminal may enter. Package app parses flags and makes the client.
package headless
