// Package bundle holds the built web client, which `make` puts into dist. A tree in
// which it was not built compiles all the same; Files then says that there is nothing.
//
// It knows files and no HTTP: package web serves them. Nothing that builds them may
// enter either; that is the program in web/build.
package bundle

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Files are the files of the web client with index.html on top, some of them only or
// also compressed (NAME.br, NAME.gz); nil when it was not built.
func Files() fs.FS {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		return nil
	}
	if _, err := fs.Stat(files, "index.html"); err != nil {
		return nil
	}
	return files
}
