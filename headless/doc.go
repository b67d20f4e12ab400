// Package headless is the client without a face: one JSON object a line in, one a
// line out. Programs in any language drive it; the browser's user interface speaks
// the same commands and events.
//
// It translates, and nothing else: no protocol logic, no files, no flags and no
// terminal may enter. Package app parses flags and makes the client.
package headless
