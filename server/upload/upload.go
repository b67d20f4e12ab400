package upload

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"godwit/jid"
	"godwit/server/handler"
	"godwit/stanza"
	"godwit/store"
	"godwit/xep/dataform"
	"godwit/xep/disco"
	"godwit/xep/filemeta"
	"godwit/xep/upload"
)

// Draft is a blob being written; see package blobs.
type Draft interface {
	io.Writer
	Commit() error
	Discard()
}

// Blobs keeps bytes under ids. Its errors are those of package store. Safe for
// concurrent use.
type Blobs interface {
	Create(id string) (Draft, error)
	Open(id string) (io.ReadSeekCloser, error)
	Remove(id string) error
}

// Config says what may be uploaded. Zero fields take the default.
type Config struct {
	Uploads store.Uploads // required
	Blobs   Blobs         // required
	// URL is where web/files is mounted, with a slash at its end, as clients reach
	// it; "" while there is no such place. Safe for concurrent use. Required.
	URL func() string
	// MaxSize bounds one file, in bytes; 100 MiB.
	MaxSize int64
	// Quota bounds what one account keeps; 1 GiB in 10,000 files.
	Quota store.UploadQuota
	// Keep is how long a file is kept; 30 days.
	Keep time.Duration
	// Burst slots may be asked for at once, and one more every Every: 60, 5 s.
	Burst int
	Every time.Duration
	// AtOnce is how many files one account may be sending at a time: 4; all of them
	// together: 256.
	AtOnce, AtOnceAll int
	// Limit is how long the upload of a file of that size may take; a minute, and
	// as long as it takes at 16 KiB a second.
	Limit func(size int64) time.Duration
	Now   func() time.Time // time.Now
	Log   *slog.Logger     // required
}

// SlotLife is how long a slot waits to be used.
const SlotLife = 10 * time.Minute

func (c *Config) setDefaults() {
	number(&c.MaxSize, 100<<20)
	number(&c.Quota.Bytes, 1<<30)
	number(&c.Quota.Files, 10_000)
	number(&c.Keep, 30*24*time.Hour)
	number(&c.Burst, 60)
	number(&c.Every, 5*time.Second)
	number(&c.AtOnce, 4)
	number(&c.AtOnceAll, 256)
	if c.Limit == nil {
		c.Limit = func(size int64) time.Duration { return time.Minute + time.Duration(size/(16<<10))*time.Second }
	}
	if c.Now == nil {
		c.Now = time.Now
	}
}

func number[T int | int64 | time.Duration](v *T, value T) {
	if *v <= 0 {
		*v = value
	}
}

// Counters are the numbers operators watch. Safe for concurrent use.
type Counters struct {
	Slots    atomic.Int64 // given
	Refused  atomic.Int64 // requests for one
	Stored   atomic.Int64 // files taken
	Failed   atomic.Int64 // uploads that were begun and did not end well
	Removed  atomic.Int64 // files and slots that expired
	BytesIn  atomic.Int64 // of files taken
	BytesOut atomic.Int64 // of files given out, as web/files counts them
}

// Room answers requests in urn:xmpp:http:upload:0 and keeps the files. Its fields
// are constant; what changes is the store's and busy's.
type Room struct {
	cfg      Config
	busy     *busy
	Counters Counters
}

// New returns the room. It fails if the configuration is not complete.
func New(cfg Config) (*Room, error) {
	if cfg.Uploads == nil || cfg.Blobs == nil || cfg.URL == nil || cfg.Log == nil {
		return nil, errors.New("upload: the configuration is not complete")
	}
	cfg.setDefaults()
	return &Room{cfg: cfg, busy: newBusy(cfg)}, nil
}

// Announced is what the domain shows in discovery.
func (room *Room) Announced() (features []string, identity disco.Identity, form dataform.Form) {
	return []string{upload.NS}, disco.Identity{Category: "store", Type: "file", Name: "HTTP File Upload"}, upload.Form(room.cfg.MaxSize)
}

// Register adds the handler of this room.
func (room *Room) Register(t *handler.Table) {
	t.Register(upload.NS, "request", stanza.Get, handler.Server, room.request)
}

// request answers a request for a slot (XEP-0363 §4).
func (room *Room) request(ctx context.Context, r *handler.Request) (handler.Answer, error) {
	slot, err := room.slot(ctx, r)
	if err != nil {
		room.Counters.Refused.Add(1)
		return nil, err
	}
	room.Counters.Slots.Add(1)
	return slot.Encode, nil
}

func (room *Room) slot(ctx context.Context, r *handler.Request) (upload.Slot, error) {
	q, err := upload.ParseRequest(r.Payload)
	if err != nil {
		return upload.Slot{}, err
	}
	owner := r.Session.Owner()
	if owner.Local() == "" {
		return upload.Slot{}, stanza.ErrForbidden()
	}
	return room.Slot(ctx, owner, q)
}

// Slot gives an account a place to put one file. Errors that the account should
// read are *stanza.Error.
func (room *Room) Slot(ctx context.Context, owner jid.JID, q upload.Request) (upload.Slot, error) {
	base := room.cfg.URL()
	if base == "" {
		return upload.Slot{}, stanza.ErrServiceUnavailable().WithText("this server has no HTTPS listener")
	}
	if q.Size > room.cfg.MaxSize {
		return upload.Slot{}, upload.ErrTooLarge(room.cfg.MaxSize)
	}
	now := room.cfg.Now()
	if at, ok := room.busy.slot(owner, now); !ok {
		return upload.Slot{}, upload.ErrRetry(at, "too many files in a short time; try again in a moment")
	}
	name := filemeta.CleanName(q.Filename)
	if name == "" {
		name = "file"
	}
	id, token := random(), random()
	sum := sha256.Sum256([]byte(token))
	u := store.Upload{ID: id, Owner: owner.Bare(), Name: name, Type: mediaType(q.ContentType), Size: q.Size, Token: sum[:], State: store.UploadSlot,
		Created: now, Expires: now.Add(SlotLife)}
	switch err := room.cfg.Uploads.Reserve(ctx, u, room.cfg.Quota, now); {
	case errors.Is(err, store.ErrLimit):
		usage, err := room.cfg.Uploads.Usage(ctx, u.Owner, now)
		if err != nil {
			return upload.Slot{}, err
		}
		return upload.Slot{}, upload.ErrRetry(usage.Next, "your files on this server take up all the room there is for them; some have to expire first")
	case errors.Is(err, store.ErrFull):
		return upload.Slot{}, upload.ErrRetry(time.Time{}, "the server's disk is full")
	case err != nil:
		return upload.Slot{}, err
	}
	get := base + id + "/" + url.PathEscape(name)
	return upload.Slot{Put: get + "?token=" + token, Get: get}, nil
}

// random is a name that cannot be guessed: 160 bits as 40 hexadecimal digits,
// which are the same in small and capital letters on every file system.
func random() string {
	var b [20]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// mediaType is the type without parameters, in small letters; "" for what is no
// type.
func mediaType(s string) string {
	t, _, _ := strings.Cut(s, ";")
	t = strings.ToLower(strings.TrimSpace(t))
	kind, sub, ok := strings.Cut(t, "/")
	if !ok || !token(kind) || !token(sub) {
		return ""
	}
	return t
}

// token reports whether s is one in the sense of HTTP (RFC 9110 §5.6.2).
func token(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != ""
}
