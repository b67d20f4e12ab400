package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/andybalholm/brotli"
)

// Budgets, in bytes as they travel (brotli).
const (
	maxCore = 1_700_000
	maxPage = 200_000 // scripts and styles of the page together
)

// compressible are the kinds of file that become smaller.
var compressible = []string{".js", ".css", ".html", ".wasm", ".svg", ".webmanifest"}

// keep is the file that makes dist exist in a fresh tree.
const keep = ".keep"

// write brings dist into the state of the bundle: what is there and the same is left as
// it is, what does not belong there is removed.
func (b *bundle) write() error {
	if err := os.MkdirAll(b.plan.dist, 0o755); err != nil {
		return err
	}
	all := map[string]func() ([]byte, error){}
	for _, name := range b.shell() {
		data := b.files[name]
		if ext := path.Ext(name); slices.Contains(compressible, ext) {
			all[name+".br"] = func() ([]byte, error) { return b.squeeze(data) }
			all[name+".gz"] = func() ([]byte, error) { return zip(data) }
			if ext == ".wasm" {
				continue // whoever runs this reads compressed answers; it would be most of the binary
			}
		}
		all[name] = func() ([]byte, error) { return data, nil }
	}
	there, err := os.ReadDir(b.plan.dist)
	if err != nil {
		return err
	}
	for _, e := range there {
		if all[e.Name()] == nil && e.Name() != keep {
			if err := os.RemoveAll(filepath.Join(b.plan.dist, e.Name())); err != nil {
				return err
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if err := b.place(name, all[name]); err != nil {
			return err
		}
	}
	return nil
}

// place writes one file. One whose name holds a hash is left alone when it is there:
// compressing takes longer than all the rest.
func (b *bundle) place(name string, content func() ([]byte, error)) error {
	file := filepath.Join(b.plan.dist, name)
	plain := strings.TrimSuffix(strings.TrimSuffix(name, ".br"), ".gz")
	if _, err := os.Stat(file); err == nil && strings.Contains(plain, "-") && b.hashed(plain) {
		return nil
	}
	data, err := content()
	if err != nil {
		return err
	}
	if have, err := os.ReadFile(file); err == nil && bytes.Equal(have, data) {
		return nil
	}
	// Never half a file under a name that says what is inside.
	draft := file + ".new"
	if err := os.WriteFile(draft, data, 0o644); err != nil {
		return err
	}
	return os.Rename(draft, file)
}

// hashed reports whether a name is one that put made.
func (b *bundle) hashed(name string) bool {
	ext := path.Ext(name)
	stem := strings.TrimSuffix(name, ext)
	i := strings.LastIndexByte(stem, '-')
	if i < 0 {
		return false
	}
	return (&bundle{files: map[string][]byte{}}).put(stem[:i]+ext, b.files[name]) == name
}

// squeeze compresses with brotli at its best.
func (b *bundle) squeeze(data []byte) ([]byte, error) {
	var out bytes.Buffer
	quality := brotli.BestCompression
	if b.plan.fast {
		quality = brotli.BestSpeed
	}
	w := brotli.NewWriterOptions(&out, brotli.WriterOptions{Quality: quality, LGWin: 24})
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	err := w.Close()
	return out.Bytes(), err
}

// zip compresses for browsers without brotli, and for plain http, where browsers do not
// ask for it. The header has no name and no time.
func zip(data []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	err = w.Close()
	return out.Bytes(), err
}

// budgets prints what travels, and fails when it is too much.
func (b *bundle) budgets() error {
	size := func(name string) int64 {
		if info, err := os.Stat(filepath.Join(b.plan.dist, name)); err == nil {
			return info.Size()
		}
		return 0
	}
	var page int64
	for _, name := range b.shell() {
		if ext := path.Ext(name); ext == ".js" || ext == ".css" || ext == ".html" {
			page += size(name + ".br")
		}
	}
	core := size(b.core + ".br")
	fmt.Printf("web client: core %d bytes, %d with gzip, %d with brotli (of %d); page %d with brotli (of %d)\n",
		len(b.files[b.core]), size(b.core+".gz"), core, maxCore, page, maxPage)
	if b.plan.fast {
		return nil
	}
	if core > maxCore {
		return fmt.Errorf("the core has %d bytes with brotli, more than %d", core, maxCore)
	}
	if page > maxPage {
		return fmt.Errorf("the page has %d bytes with brotli, more than %d", page, maxPage)
	}
	return nil
}
