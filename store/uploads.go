package store

import (
	"context"
	"time"

	"godwit/jid"
)

// UploadState is how far an upload has come.
type UploadState uint8

// The states, in the order an upload goes through them.
const (
	UploadSlot   UploadState = 1 // promised: nothing was sent yet
	UploadOpen   UploadState = 2 // its bytes are being received, or were and it was cut short
	UploadStored UploadState = 3 // all of it is on disk
)

// Upload is one file that an account put on the server, or may put there (XEP-0363).
type Upload struct {
	// ID names it, in its address and on disk. It is made by the caller, cannot be guessed, and is all it takes to read the file.
	ID string
	// Owner is the bare address of the account that asked for the slot.
	Owner jid.JID
	// Name is the file's, made harmless by the caller; Type its media type as promised, or "".
	Name, Type string
	// Size in bytes, as promised; it counts against the owner's quota from the beginning.
	Size int64
	// Token is the hash of what it takes to put the file there. What it is the hash of is not kept.
	Token []byte
	State UploadState
	// Created is when the slot was asked for.
	Created time.Time
	// Expires is when the slot, or later the file, need not be kept any more.
	Expires time.Time
}

// UploadQuota bounds what one account keeps; 0 means no limit.
type UploadQuota struct {
	Files int
	Bytes int64
}

// UploadUsage is what one account keeps, slots that are not used yet included.
type UploadUsage struct {
	Files int
	Bytes int64
	// Next is when the first of it expires; zero without any.
	Next time.Time
}

// MaxUploadsPage is the most ids one [Uploads.Expired] returns.
const MaxUploadsPage = 1000

// Uploads keeps what is known of files on the server; their bytes are kept elsewhere, under their ids. Removing an account
// ([Accounts.Remove]) makes its uploads expire at once, so that whoever keeps the bytes learns of it.
type Uploads interface {
	// Reserve adds a slot. ErrLimit if the owner would keep more than the quota, counting what has not expired at now; ErrExists if the
	// id is taken, ErrInvalid for a record that can never be kept.
	Reserve(ctx context.Context, u Upload, q UploadQuota, now time.Time) error
	// Upload returns one, whether or not it has expired, or ErrNotFound.
	Upload(ctx context.Context, id string) (Upload, error)
	// Begin claims a slot: of several who do so at once one succeeds. It expires at until from then on. ErrExists if it was claimed
	// before, ErrNotFound if there is none or it has expired at now.
	Begin(ctx context.Context, id string, now, until time.Time) error
	// Finish notes that the bytes are on disk. ErrNotFound if it was not claimed, or has expired at now.
	Finish(ctx context.Context, id string, now, expires time.Time) error
	// Remove forgets one. That there is none is no error.
	Remove(ctx context.Context, id string) error
	// Usage returns what an owner keeps that has not expired at now.
	Usage(ctx context.Context, owner jid.JID, now time.Time) (UploadUsage, error)
	// Expired returns up to max ids (0 or more than MaxUploadsPage means MaxUploadsPage) of what has expired at now. The caller removes
	// the bytes and then calls Remove, in this order, so that nothing is left that nobody knows of.
	Expired(ctx context.Context, now time.Time, max int) ([]string, error)
}

// Bounds of an upload's texts, in bytes.
const (
	MaxUploadID   = 64
	maxUploadName = 1 << 10
	maxUploadHash = 64
)

// Check returns ErrInvalid for an upload that can never be kept.
func (u *Upload) Check() error {
	switch {
	case u.ID == "" || len(u.ID) > MaxUploadID:
		return invalid("an upload's id has 1 to %d bytes, not %d", MaxUploadID, len(u.ID))
	case u.Size < 0:
		return invalid("an upload of %d bytes", u.Size)
	case len(u.Name) > maxUploadName || len(u.Type) > maxUploadName || len(u.Token) > maxUploadHash:
		return invalid("an upload's name, type or token is too long")
	case u.State != UploadSlot:
		return invalid("an upload begins as a slot, not in state %d", u.State)
	case u.Created.IsZero() || u.Expires.IsZero():
		return invalid("an upload needs times")
	}
	return CheckAccount(u.Owner)
}

// Allows reports whether one more file fits.
func (q UploadQuota) Allows(now UploadUsage, size int64) bool {
	return (q.Files == 0 || now.Files < q.Files) && (q.Bytes == 0 || size <= q.Bytes-now.Bytes)
}
