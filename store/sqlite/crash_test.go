package sqlite_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"godwit/jid"
	"godwit/store"
	"godwit/store/sqlite"
	"godwit/store/sqlitedb"
)

// childEnv, when set, makes the test binary a process that commits as fast as it can to the store at that path and
// prints one line for each batch whose done was called without an error, until it is killed.
const childEnv = "GODWIT_STORE_CRASH_CHILD"

var owner = jid.MustParse("alice@example.org")

func runChild() bool {
	path := os.Getenv(childEnv)
	if path == "" {
		return false
	}
	s, err := sqlite.Open(context.Background(), path, sqlite.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	run := os.Getpid()
	for w := range 8 {
		go func() {
			result := make(chan string, 1)
			for i := 0; ; i++ {
				b := batch(fmt.Sprintf("%d-%d-%d-%d", run, time.Now().UnixNano(), w, i))
				err := s.Commit(b, func(r store.Result, err error) {
					if err != nil {
						fmt.Fprintln(os.Stderr, err)
						os.Exit(4)
					}
					// One write to a pipe, unbuffered: what the parent reads was acknowledged.
					fmt.Fprintf(os.Stdout, "%d %s %d\n", r.Archive[0].ID, b.Archive[0].OriginID, r.Inbox[0])
					result <- ""
				})
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(5)
				}
				<-result
			}
		}()
	}
	select {}
}

func batch(origin string) store.Batch {
	now := time.Now()
	return store.Batch{
		Archive: []store.ArchiveEntry{{Owner: owner, With: owner, Sender: owner, Time: now, OriginID: origin, Stanza: []byte(strings.Repeat(origin, 10))}},
		Inbox:   []store.InboxAdd{{Entry: store.InboxEntry{Owner: owner, Time: now, Stanza: []byte(origin)}}},
	}
}

type acknowledged struct {
	archive, inbox int64
	origin         string
}

// TestKilled kills a writing process again and again, each time at another moment, and checks that everything it
// acknowledged is there, whole and once, and that the file is sound.
func TestKilled(t *testing.T) {
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	if n, err := strconv.Atoi(os.Getenv("GODWIT_CRASH_ROUNDS")); err == nil {
		rounds = n
	}
	path := filepath.Join(t.TempDir(), "godwit.db")
	total := 0
	for round := range rounds {
		acks := killedRun(t, path, 1+rand.IntN(400))
		total += len(acks)
		verify(t, path, acks, round, total)
	}
	if total < rounds {
		t.Fatalf("only %d batches were acknowledged in %d rounds", total, rounds)
	}
	t.Logf("%d batches acknowledged in %d runs that were killed; none lost", total, rounds)
}

// killedRun starts the child, kills it after about that many acknowledgements, and returns all it managed to print.
func killedRun(t *testing.T, path string, after int) []acknowledged {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childEnv+"="+path)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var acks []acknowledged
	sc := bufio.NewScanner(out)
	for sc.Scan() {
		var a acknowledged
		if n, _ := fmt.Sscanf(sc.Text(), "%d %s %d", &a.archive, &a.origin, &a.inbox); n != 3 {
			continue // cut off by the kill
		}
		acks = append(acks, a)
		if len(acks) == after {
			cmd.Process.Signal(syscall.SIGKILL) //nolint:errcheck // it may be gone
		}
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the child ended by itself: %v\n%s", err, stderr.String())
	}
	return acks
}

func verify(t *testing.T, path string, acks []acknowledged, round, total int) {
	t.Helper()
	ctx := context.Background()
	s := open(t, path)
	defer s.Close()
	for _, a := range acks {
		e, err := s.Archive().Entry(ctx, owner, a.archive)
		if err != nil {
			t.Fatalf("round %d: acknowledged %s is lost: %v", round, a.origin, err)
		}
		if e.OriginID != a.origin || string(e.Stanza) != strings.Repeat(a.origin, 10) {
			t.Fatalf("round %d: entry %d is %q, want %q", round, a.archive, e.OriginID, a.origin)
		}
		in, _, err := s.Inbox().Load(ctx, owner, a.inbox-1, 1, time.Now())
		if err != nil || len(in) != 1 || in[0].ID != a.inbox || string(in[0].Stanza) != a.origin {
			t.Fatalf("round %d: inbox entry %d is %v, %v", round, a.inbox, in, err)
		}
	}
	// A batch is there whole or not at all, and the counters agree with the rows.
	size, err := s.Inbox().Size(ctx, owner)
	if err != nil || size.Entries < total {
		t.Fatalf("round %d: inbox holds %+v of at least %d: %v", round, size, total, err)
	}
	db, err := sqlitedb.Open(ctx, path, sqlite.OptionsForTest())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.View(ctx, func(v *sqlitedb.View) error {
		var sound string
		if err := v.One(`PRAGMA integrity_check`, nil, &sound); err != nil || sound != "ok" {
			return fmt.Errorf("integrity: %q %w", sound, err)
		}
		var archived, waiting int
		if err := v.One(`SELECT (SELECT count(*) FROM archive), (SELECT count(*) FROM inbox)`, nil, &archived, &waiting); err != nil {
			return err
		}
		if archived != waiting || waiting != size.Entries {
			return fmt.Errorf("%d archived, %d waiting, %d counted", archived, waiting, size.Entries)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("round %d: %v", round, err)
	}
}
