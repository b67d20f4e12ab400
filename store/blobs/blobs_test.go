package blobs_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"godwit/store"
	"godwit/store/blobs"
)

const id = "abcdefghij0123456789"

func open(t *testing.T, dir string) *blobs.Dir {
	t.Helper()
	d, err := blobs.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func files(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			list = append(list, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestABlobIsWholeOrNotThere(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "uploads")
	d := open(t, dir)
	w, err := d.Create(id)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Create(id); !errors.Is(err, store.ErrExists) {
		t.Errorf("written by two: %v", err)
	}
	if _, err := io.Copy(w, strings.NewReader("half")); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Open(id); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("half a blob can be read: %v", err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	r, err := d.Open(id)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if r.Close(); err != nil || string(got) != "half" {
		t.Errorf("%q, %v", got, err)
	}
	for range 2 {
		if err := d.Remove(id); err != nil {
			t.Error(err)
		}
	}
	if left := files(t, dir); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestUnfinishedOnesAreRemoved(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	w, err := d.Create(id)
	if err != nil {
		t.Fatal(err)
	}
	w.Discard()
	if left := files(t, dir); len(left) != 0 {
		t.Errorf("a discarded one left %v", left)
	}
	if w, err = d.Create(id); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(bytes.Repeat([]byte("x"), 100)); err != nil {
		t.Fatal(err)
	}
	if len(files(t, dir)) != 1 { // as when the machine stops now
		t.Fatal("nothing is on disk")
	}
	open(t, dir)
	if left := files(t, dir); len(left) != 0 {
		t.Errorf("after the next start there is %v", left)
	}
}

// Whatever somebody makes of an id, it stays in the directory.
func TestPathTraversal(t *testing.T) {
	parent := t.TempDir()
	secret := filepath.Join(parent, "secretsecretsecret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := open(t, filepath.Join(parent, "uploads"))
	for _, bad := range []string{
		"", ".", "..", "../secretsecretsecret", "..%2fsecretsecretsecret", "aa/../../secretsecretsecret", "ab\\..\\..\\secretsecretsecret", "/etc/passwd/etc/passwd",
		"abcdefghijklmnop\x00", "ABCDEFGHIJKLMNOPQR", "drafts/abcdefghijkl", "abcdefghijklmno", strings.Repeat("a", 65), "con.................", "日本語日本語日本語",
	} {
		if _, err := d.Create(bad); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("create %q: %v", bad, err)
		}
		if _, err := d.Open(bad); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("open %q: %v", bad, err)
		}
		if err := d.Remove(bad); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("remove %q: %v", bad, err)
		}
	}
	if got, err := os.ReadFile(secret); err != nil || string(got) != "secret" {
		t.Errorf("%q, %v", got, err)
	}
}

// A full disk is told as such, and nothing is left of what did not fit.
func TestFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no /dev/full")
	}
	dir := t.TempDir()
	d := open(t, dir)
	w, err := d.Create(id)
	if err != nil {
		t.Fatal(err)
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	w.Replace(full)
	if _, err := w.Write([]byte("x")); !errors.Is(err, store.ErrFull) {
		t.Errorf("written to a full disk: %v", err)
	}
	w.Discard()
	if left := files(t, dir); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}
