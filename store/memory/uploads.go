package memory

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"godwit/jid"
	"godwit/store"
)

// Uploads returns what is known of files.
func (s *Store) Uploads() store.Uploads { return uploads{s} }

type uploads struct{ s *Store }

func (up uploads) Reserve(ctx context.Context, u store.Upload, q store.UploadQuota, now time.Time) error {
	if err := u.Check(); err != nil {
		return err
	}
	if err := up.s.enter(ctx); err != nil {
		return err
	}
	defer up.s.mu.Unlock()
	if _, taken := up.s.uploads[u.ID]; taken {
		return fmt.Errorf("%w: upload", store.ErrExists)
	}
	if n := up.usage(u.Owner, now); !q.Allows(n, u.Size) {
		return fmt.Errorf("%w: %s keeps %d files, %d bytes", store.ErrLimit, u.Owner, n.Files, n.Bytes)
	}
	u.Token, u.Created, u.Expires = bytes.Clone(u.Token), micros(u.Created), micros(u.Expires)
	up.s.uploads[u.ID] = u
	return nil
}

func (up uploads) Upload(ctx context.Context, id string) (store.Upload, error) {
	if err := up.s.enter(ctx); err != nil {
		return store.Upload{}, err
	}
	defer up.s.mu.Unlock()
	u, ok := up.s.uploads[id]
	if !ok {
		return store.Upload{}, notFound("upload")
	}
	u.Token = bytes.Clone(u.Token)
	return u, nil
}

func (up uploads) Begin(ctx context.Context, id string, now, until time.Time) error {
	if err := up.s.enter(ctx); err != nil {
		return err
	}
	defer up.s.mu.Unlock()
	u, ok := up.s.uploads[id]
	switch {
	case !ok || !u.Expires.After(now):
		return notFound("upload")
	case u.State != store.UploadSlot:
		return fmt.Errorf("%w: the slot was used", store.ErrExists)
	}
	u.State, u.Expires = store.UploadOpen, micros(until)
	up.s.uploads[id] = u
	return nil
}

func (up uploads) Finish(ctx context.Context, id string, now, expires time.Time) error {
	if err := up.s.enter(ctx); err != nil {
		return err
	}
	defer up.s.mu.Unlock()
	u, ok := up.s.uploads[id]
	if !ok || u.State != store.UploadOpen || !u.Expires.After(now) {
		return notFound("upload")
	}
	u.State, u.Expires = store.UploadStored, micros(expires)
	up.s.uploads[id] = u
	return nil
}

func (up uploads) Remove(ctx context.Context, id string) error {
	if err := up.s.enter(ctx); err != nil {
		return err
	}
	defer up.s.mu.Unlock()
	delete(up.s.uploads, id)
	return nil
}

func (up uploads) Usage(ctx context.Context, owner jid.JID, now time.Time) (store.UploadUsage, error) {
	if err := up.s.enter(ctx); err != nil {
		return store.UploadUsage{}, err
	}
	defer up.s.mu.Unlock()
	return up.usage(owner, now), nil
}

func (up uploads) usage(owner jid.JID, now time.Time) (n store.UploadUsage) {
	for _, u := range up.s.uploads {
		if u.Owner != owner || !u.Expires.After(now) {
			continue
		}
		n.Files++
		n.Bytes += u.Size
		if n.Next.IsZero() || u.Expires.Before(n.Next) {
			n.Next = u.Expires
		}
	}
	return n
}

func (up uploads) Expired(ctx context.Context, now time.Time, max int) (ids []string, err error) {
	if err := up.s.enter(ctx); err != nil {
		return nil, err
	}
	defer up.s.mu.Unlock()
	if max <= 0 || max > store.MaxUploadsPage {
		max = store.MaxUploadsPage
	}
	for id, u := range up.s.uploads {
		if !u.Expires.After(now) && len(ids) < max {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// expireUploads makes all of an owner's uploads expire; whoever keeps the bytes removes them.
func (s *Store) expireUploads(owner jid.JID) {
	for id, u := range s.uploads {
		if u.Owner == owner {
			u.Expires = time.UnixMicro(0).UTC()
			s.uploads[id] = u
		}
	}
}
