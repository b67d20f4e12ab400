// Package docs holds the tests of the pages beside it: links lead somewhere, what
// is named exists, flags and defaults are those of the program, examples parse and
// the bot works. The pages begin at README.md.
//
// Nothing but such tests may enter, and nothing imports this package.
package docs
