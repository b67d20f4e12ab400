package blobs

import "os"

// Replace has a draft written to another file.
func (w *Draft) Replace(f *os.File) {
	w.file.Close()
	w.file = f
}
