package blobs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"syscall"

	"godwit/store"
)

// Dir is a directory of blobs. Its methods may be called from many goroutines;
// one process at a time may have it open for writing.
type Dir struct{ root *os.Root }

// drafts is the directory of what is not whole yet.
const drafts = "drafts"

// Lengths of an id.
const (
	minID = 16
	maxID = store.MaxUploadID
)

// Open opens the directory, making it if needed, and removes what was left
// unfinished there.
func Open(dir string) (*Dir, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, mapError(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, mapError(err)
	}
	d := &Dir{root}
	if err := d.clear(); err != nil {
		root.Close()
		return nil, mapError(err)
	}
	return d, nil
}

func (d *Dir) clear() error {
	if err := d.root.RemoveAll(drafts); err != nil {
		return err
	}
	return d.root.Mkdir(drafts, 0o700)
}

// Close lets go of the directory. Drafts and opened blobs stay usable.
func (d *Dir) Close() error { return d.root.Close() }

// Draft is a blob that is being written. It belongs to one goroutine, which ends
// it with Commit or Discard.
type Draft struct {
	dir  *Dir
	id   string
	file *os.File
}

// Create begins a blob. store.ErrExists if one with that id is being written.
func (d *Dir) Create(id string) (*Draft, error) {
	if err := check(id); err != nil {
		return nil, err
	}
	f, err := d.root.OpenFile(drafts+"/"+id, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, mapError(err)
	}
	return &Draft{dir: d, id: id, file: f}, nil
}

// Write adds to the end. store.ErrFull when the disk is full.
func (w *Draft) Write(p []byte) (int, error) {
	n, err := w.file.Write(p)
	return n, mapError(err)
}

// Commit makes the blob whole and durable. On failure it is discarded.
func (w *Draft) Commit() error {
	err := w.file.Sync()
	err = errors.Join(err, w.file.Close())
	if err == nil {
		err = w.publish()
	}
	if err != nil {
		_ = w.dir.root.Remove(drafts + "/" + w.id)
	}
	return mapError(err)
}

func (w *Draft) publish() error {
	folder, name := place(w.id)
	root := w.dir.root
	if err := root.Mkdir(folder, 0o700); err == nil {
		if err := w.dir.sync("."); err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := root.Rename(drafts+"/"+w.id, name); err != nil {
		return err
	}
	return w.dir.sync(folder)
}

// sync makes the entries of a directory durable.
func (d *Dir) sync(folder string) error {
	if runtime.GOOS == "windows" { // where directories can not be synced, and need not be
		return nil
	}
	f, err := d.root.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Discard gives the blob up.
func (w *Draft) Discard() {
	_ = w.file.Close()
	_ = w.dir.root.Remove(drafts + "/" + w.id)
}

// Open opens a whole blob for reading, or returns store.ErrNotFound.
func (d *Dir) Open(id string) (io.ReadSeekCloser, error) {
	if err := check(id); err != nil {
		return nil, err
	}
	_, name := place(id)
	f, err := d.root.Open(name)
	if err != nil {
		return nil, mapError(err)
	}
	return f, nil
}

// Remove removes a blob. That there is none is no error.
func (d *Dir) Remove(id string) error {
	if err := check(id); err != nil {
		return err
	}
	_, name := place(id)
	if err := d.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return mapError(err)
	}
	return nil
}

// place is where a blob is: in one of about a thousand folders, since a folder
// with a million files is slow.
func place(id string) (folder, name string) { return id[:2], id[:2] + "/" + id[2:] }

// check refuses what is no id, whatever it would do on this system.
func check(id string) error {
	if len(id) < minID || len(id) > maxID {
		return fmt.Errorf("%w: an id has %d to %d characters", store.ErrInvalid, minID, maxID)
	}
	for i := range len(id) {
		if c := id[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return fmt.Errorf("%w: an id is small letters and digits", store.ErrInvalid)
		}
	}
	return nil
}

func mapError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: %w", store.ErrFull, err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %w", store.ErrNotFound, err)
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%w: %w", store.ErrExists, err)
	}
	return fmt.Errorf("%w: %w", store.ErrIO, err)
}
