package bundle_test

import (
	"io/fs"
	"testing"

	"godwit/web/bundle"
)

// Where the page was built, all of it is there; where it was not, nothing is.
func TestFiles(t *testing.T) {
	files := bundle.Files()
	if files == nil {
		return // a tree without the page is a good tree
	}
	for _, name := range []string{"index.html", "manifest.webmanifest", "sw.js"} {
		if data, err := fs.ReadFile(files, name); err != nil || len(data) == 0 {
			t.Errorf("%s: %d bytes, %v", name, len(data), err)
		}
	}
	cores, err := fs.Glob(files, "core-*.wasm.br")
	if err != nil || len(cores) != 1 {
		t.Errorf("cores: %v, %v", cores, err)
	}
}
