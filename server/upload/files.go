package upload

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"time"

	"godwit/store"
)

// Errors of Receive and Open, matched with errors.Is.
var (
	// ErrUnknown: there is no such file or slot, it has expired, or the token is
	// not its. Which of these is not told.
	ErrUnknown = errors.New("upload: there is no such file")
	// ErrUsed: the slot was used before.
	ErrUsed = errors.New("upload: the slot was used")
	// ErrPromise: size or type are not what the slot was asked for.
	ErrPromise = errors.New("upload: not what was promised")
	// ErrBusy: the account sends as many files as it may, or the server takes as
	// many as it can.
	ErrBusy = errors.New("upload: too many uploads at once")
	// ErrShort: fewer bytes came than were promised, or they stopped coming.
	ErrShort = errors.New("upload: the file is incomplete")
	// ErrFull: the server's disk is full.
	ErrFull = errors.New("upload: the disk is full")
)

// File is one that can be read. The reader closes Content.
type File struct {
	Name, Type string // the type as it was promised: nothing to be relied on
	Size       int64
	Created    time.Time
	Expires    time.Time
	Content    io.ReadSeekCloser
}

// Receive takes the bytes for a slot. size is what is going to come, kind the
// media type the sender says now, or "". When Receive has begun to read, the slot
// is used up, however it ends; what has not come whole is not kept.
func (room *Room) Receive(ctx context.Context, id, token string, size int64, kind string, body io.Reader) error {
	u, err := room.claim(ctx, id, token)
	if err != nil {
		return err
	}
	switch {
	case u.State != store.UploadSlot:
		return ErrUsed
	case size != u.Size:
		return fmt.Errorf("%w: the slot is for %d bytes", ErrPromise, u.Size)
	case u.Type != "" && kind != "" && mediaType(kind) != u.Type:
		return fmt.Errorf("%w: the slot is for %s", ErrPromise, u.Type)
	}
	leave, ok := room.busy.enter(u.Owner)
	if !ok {
		return ErrBusy
	}
	defer leave()
	now := room.cfg.Now()
	switch err := room.cfg.Uploads.Begin(ctx, id, now, now.Add(room.cfg.Limit(u.Size)+time.Minute)); {
	case errors.Is(err, store.ErrExists):
		return ErrUsed
	case err != nil:
		return mapError(err)
	}
	if err := room.take(ctx, &u, body); err != nil {
		room.Counters.Failed.Add(1)
		room.forget(id)
		return err
	}
	room.Counters.Stored.Add(1)
	room.Counters.BytesIn.Add(u.Size)
	return nil
}

// Allowed is how long Receive may take for that many bytes.
func (room *Room) Allowed(size int64) time.Duration { return room.cfg.Limit(size) }

// claim finds a slot by what only its owner knows.
func (room *Room) claim(ctx context.Context, id, token string) (store.Upload, error) {
	if !sound(id) {
		return store.Upload{}, ErrUnknown
	}
	u, err := room.cfg.Uploads.Upload(ctx, id)
	if err != nil {
		return store.Upload{}, mapError(err)
	}
	sum := sha256.Sum256([]byte(token))
	if subtle.ConstantTimeCompare(sum[:], u.Token) != 1 || !u.Expires.After(room.cfg.Now()) {
		return store.Upload{}, ErrUnknown
	}
	return u, nil
}

// sound reports whether an id can be one of ours, before anything is asked.
func sound(id string) bool {
	if len(id) != 40 {
		return false
	}
	for i := range len(id) {
		if c := id[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// take brings the bytes to disk, and only then notes that they are there.
func (room *Room) take(ctx context.Context, u *store.Upload, body io.Reader) error {
	draft, err := room.cfg.Blobs.Create(u.ID)
	if err != nil {
		return mapError(err)
	}
	n, err := io.Copy(draft, io.LimitReader(body, u.Size+1))
	switch {
	case errors.Is(err, store.ErrFull), errors.Is(err, store.ErrIO):
		draft.Discard()
		room.cfg.Log.Error("an upload could not be kept", "owner", u.Owner.String(), "bytes", u.Size, "error", err)
		return mapError(err)
	case err != nil:
		draft.Discard()
		return fmt.Errorf("%w: %w", ErrShort, err)
	case n < u.Size:
		draft.Discard()
		return ErrShort
	case n > u.Size:
		draft.Discard()
		return fmt.Errorf("%w: more than %d bytes", ErrPromise, u.Size)
	}
	if err := draft.Commit(); err != nil {
		room.cfg.Log.Error("an upload could not be kept", "owner", u.Owner.String(), "bytes", u.Size, "error", err)
		return mapError(err)
	}
	now := room.cfg.Now()
	return mapError(room.cfg.Uploads.Finish(context.WithoutCancel(ctx), u.ID, now, now.Add(room.cfg.Keep)))
}

// forget removes an upload that did not come to a good end. What can not be
// removed now is when it has expired.
func (room *Room) forget(id string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := room.remove(ctx, id); err != nil {
		room.cfg.Log.Error("a failed upload could not be removed", "error", err)
	}
}

func (room *Room) remove(ctx context.Context, id string) error {
	if err := room.cfg.Blobs.Remove(id); err != nil && !errors.Is(err, store.ErrInvalid) {
		return err
	}
	return room.cfg.Uploads.Remove(ctx, id)
}

// Open opens a file for reading. ErrUnknown if there is none or it has expired.
func (room *Room) Open(ctx context.Context, id string) (File, error) {
	if !sound(id) {
		return File{}, ErrUnknown
	}
	u, err := room.cfg.Uploads.Upload(ctx, id)
	if err != nil {
		return File{}, mapError(err)
	}
	if u.State != store.UploadStored || !u.Expires.After(room.cfg.Now()) {
		return File{}, ErrUnknown
	}
	content, err := room.cfg.Blobs.Open(id)
	if err != nil {
		room.cfg.Log.Error("a file that was uploaded can not be read", "owner", u.Owner.String(), "error", err)
		return File{}, mapError(err)
	}
	return File{Name: u.Name, Type: u.Type, Size: u.Size, Created: u.Created, Expires: u.Expires, Content: content}, nil
}

// mapError turns the store's errors into this room's.
func mapError(err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return ErrUnknown
	case errors.Is(err, store.ErrFull):
		return ErrFull
	case errors.Is(err, store.ErrBusy):
		return ErrBusy
	}
	return err
}

// sweepPage is how many are removed before the context is asked again.
const sweepPage = 200

// Sweep removes what has expired, until nothing is left or the context ends. The
// server calls it from time to time, and when an account was removed. Several may
// run at once.
func (room *Room) Sweep(ctx context.Context) {
	for ctx.Err() == nil {
		ids, err := room.cfg.Uploads.Expired(ctx, room.cfg.Now(), sweepPage)
		if err != nil {
			if ctx.Err() == nil {
				room.cfg.Log.Error("expired files could not be listed", "error", err)
			}
			return
		}
		for _, id := range ids {
			if err := room.remove(ctx, id); err != nil {
				if ctx.Err() == nil {
					room.cfg.Log.Error("an expired file could not be removed", "error", err)
				}
				return // another time
			}
			room.Counters.Removed.Add(1)
		}
		if len(ids) < sweepPage {
			return
		}
	}
}
