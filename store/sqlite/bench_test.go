package sqlite_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"godwit/jid"
	"godwit/store"
)

// chat is what the server commits for one message between two of 1000 accounts: an entry in each archive.
func chat(n int64) store.Batch {
	from, to := benchJIDs[n*7919%1000], benchJIDs[n*104729%1000]
	origin := fmt.Sprintf("%016x-%016x", n*0x5851f42d4c957f2d, n)
	now := time.Now()
	return store.Batch{Archive: []store.ArchiveEntry{
		{Owner: from, With: to, Sender: from, Time: now, OriginID: origin, Stanza: benchStanza},
		{Owner: to, With: from, Sender: from, Time: now, OriginID: origin, Stanza: benchStanza},
	}}
}

var (
	benchStanza = []byte("<message type='chat'>" + strings.Repeat("x", 380) + "</message>")
	benchJIDs   = func() (l [1000]jid.JID) {
		for i := range l {
			l[i] = jid.MustParse(fmt.Sprintf("user%d@example.org", i))
		}
		return l
	}()
)

// BenchmarkCommit: so many goroutines hand over one message each and wait until it is on disk. One operation is one
// message (two archive entries).
func BenchmarkCommit(b *testing.B) {
	for _, committers := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("committers=%d", committers), func(b *testing.B) {
			s := open(b, filepath.Join(b.TempDir(), "godwit.db"))
			defer s.Close()
			b.ReportAllocs()
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ResetTimer()
			for range committers {
				wg.Go(func() {
					wait := make(chan error, 1)
					for {
						n := next.Add(1)
						if n > int64(b.N) {
							return
						}
						if err := s.Commit(chat(n), func(_ store.Result, err error) { wait <- err }); err != nil {
							b.Error(err)
							return
						}
						if err := <-wait; err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
		})
	}
}

func filled(b *testing.B, n int64) interface {
	Archive() store.Archive
	Close() error
} {
	b.Helper()
	s := open(b, filepath.Join(b.TempDir(), "godwit.db"))
	var wg sync.WaitGroup
	for i := range n {
		wg.Add(1)
		c := chat(i)
		c.Archive = append(c.Archive, c.Archive[0])
		c.Archive[2].Owner, c.Archive[2].With = owner, benchJIDs[i%10]
		c.Archive[2].Time = time.Unix(i, 0)
		if err := s.Commit(c, func(_ store.Result, err error) {
			if err != nil {
				b.Error(err)
			}
			wg.Done()
		}); err != nil {
			b.Fatal(err)
		}
	}
	wg.Wait()
	return s
}

// BenchmarkQuery: pages of 50 from an archive of 20,000 entries among 60,000.
func BenchmarkQuery(b *testing.B) {
	const n = 20_000
	s := filled(b, n)
	defer s.Close()
	ctx := context.Background()
	for name, q := range map[string]store.ArchiveQuery{
		"last page":          {Backward: true, Max: 50},
		"last page with one": {Backward: true, Max: 50, With: benchJIDs[3]},
		"since a time":       {Start: time.Unix(n-60, 0), Max: 50},
		"before a time":      {End: time.Unix(60, 0), Max: 50, Backward: true},
		"counted":            {Backward: true, Max: 1, Count: true, With: benchJIDs[3]},
	} {
		q.Owner = owner
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if p, err := s.Archive().Query(ctx, q); err != nil || len(p.Entries) == 0 {
					b.Fatal(len(p.Entries), err)
				}
			}
		})
	}
}

// BenchmarkOpen: what a command that opens an existing store waits for.
func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "godwit.db")
	open(b, path).Close()
	b.ReportAllocs()
	for b.Loop() {
		if err := open(b, path).Close(); err != nil {
			b.Fatal(err)
		}
	}
}
