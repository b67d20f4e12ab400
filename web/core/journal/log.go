package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"godwit/client/cache"
	"godwit/jid"
)

// Log keeps records in the order in which they were appended. One goroutine uses it at
// a time.
type Log interface {
	// Append makes records durable, all or none. Errors are those of package cache.
	Append(ctx context.Context, records [][]byte) error
	// Read gives all records, oldest first, with a number for each that rises.
	Read(ctx context.Context, each func(number uint64, record []byte) error) error
	// Drop removes records by number. Unknown ones are ignored.
	Drop(ctx context.Context, numbers []uint64) error
	// Close releases it.
	Close()
}

// entry is one record: one change, of one of these kinds.
type entry struct {
	Batch   *cache.Batch `json:"b,omitempty"`
	Setting *setting     `json:"s,omitempty"`
	Roster  *roster      `json:"r,omitempty"`
	Put     *put         `json:"p,omitempty"`
	Remove  *removal     `json:"d,omitempty"`
	Delete  *deletion    `json:"x,omitempty"`
	Prune   *time.Time   `json:"f,omitempty"`
}

type setting struct {
	Chat        jid.JID
	Name, Value string
}

type roster struct {
	Items   []cache.RosterItem
	Version string
}

type put struct {
	Item    cache.RosterItem
	Version string
}

type removal struct {
	Contact jid.JID
	Version string
}

type deletion struct {
	Before time.Time
	Batch  int
}

func (e *entry) encode() ([]byte, error) {
	b, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", cache.ErrInvalid, err)
	}
	return b, nil
}

func decode(record []byte) (entry, error) {
	var e entry
	if err := json.Unmarshal(record, &e); err != nil {
		return e, fmt.Errorf("%w: %w", cache.ErrCorrupt, err)
	}
	return e, nil
}

// keys names what an entry sets, where that is all it does: an older entry is worth
// nothing when all it sets has been set again. Nil for entries that must stay.
func (e *entry) keys() []string {
	switch {
	case e.Setting != nil:
		return []string{"setting " + e.Setting.Chat.String() + " " + e.Setting.Name}
	case e.Roster != nil:
		return []string{"roster"}
	case e.Batch != nil:
		return batchKeys(e.Batch)
	}
	return nil
}

func batchKeys(b *cache.Batch) (keys []string) {
	if len(b.Add)+len(b.Enqueue)+len(b.Progress)+len(b.Deposit)+len(b.Deposited)+len(b.Read)+len(b.Forget) > 0 {
		return nil
	}
	for i := range b.Positions {
		keys = append(keys, "position "+b.Positions[i].Archive.String())
	}
	for i := range b.Records {
		keys = append(keys, "record "+b.Records[i].Name)
	}
	return keys
}

// superseded collects the numbers of entries that are worth nothing any more. It is
// shown all entries, oldest first.
type superseded struct {
	last    map[string]uint64 // the entry that set a key last
	pending map[uint64]int    // keys of an entry that nobody has set again
	since   []uint64          // contacts since the last whole list
	numbers []uint64
}

func (s *superseded) see(number uint64, e *entry) {
	if e.Put != nil || e.Remove != nil {
		s.since = append(s.since, number)
		return
	}
	if e.Roster != nil {
		s.numbers = append(s.numbers, s.since...)
		s.since = nil
	}
	keys := e.keys()
	for _, key := range keys {
		before, known := s.last[key]
		s.last[key] = number
		if !known {
			continue
		}
		if s.pending[before]--; s.pending[before] == 0 {
			delete(s.pending, before)
			s.numbers = append(s.numbers, before)
		}
	}
	if len(keys) > 0 {
		s.pending[number] += len(keys)
	}
}
