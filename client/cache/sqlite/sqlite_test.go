package sqlite_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"godwit/client/cache"
	"godwit/client/cache/cachetest"
	"godwit/client/cache/sqlite"
	"godwit/jid"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		fmt.Fprintln(os.Stderr, child(path))
		os.Exit(3)
	}
	goleak.VerifyTestMain(m)
}

func open(t testing.TB, path string) *sqlite.Cache {
	t.Helper()
	c, err := sqlite.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSuite(t *testing.T) {
	cachetest.Run(t, func(t *testing.T) cache.Cache { return open(t, filepath.Join(t.TempDir(), "cache.db")) })
}

// TestReopened: what was written is there in the next run, and a file of something else is refused.
func TestReopened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "cache.db")
	c := open(t, path)
	if _, err := cache.Write(context.Background(), c, pair("m1", 1)); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", st.Mode(), err)
	}
	c = open(t, path)
	defer c.Close()
	left, err := c.Outbox(context.Background(), 0)
	if err != nil || len(left) != 1 || left[0].OriginID != "m1" {
		t.Fatalf("%v %v", left, err)
	}
	foreign := filepath.Join(t.TempDir(), "foreign.db")
	if err := os.WriteFile(foreign, []byte("this is no database, and long enough to be taken for a header page"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := sqlite.Open(context.Background(), foreign); err == nil {
		c.Close()
		t.Fatal("a foreign file was opened")
	}
}

// childEnv, when set, makes the test binary a process that writes as fast as it can to the cache at that path and prints the id of each
// message whose done was called, until it is killed.
const childEnv = "GODWIT_CACHE_CRASH_CHILD"

var (
	alice = jid.MustParse("alice@example.org")
	bob   = jid.MustParse("bob@example.org")
)

// pair is an outgoing message and what belongs to it; all of it is there or nothing.
func pair(id string, n int) cache.Batch {
	now, stanza := time.Now(), []byte(strings.Repeat(id, 20))
	return cache.Batch{
		Add:       []cache.Message{{Chat: bob, Sender: alice, OriginID: id, Direction: cache.Out, State: cache.StateQueued, Time: now, Stanza: stanza}},
		Enqueue:   []cache.OutboxRecord{{Chat: bob, OriginID: id, Created: now, Stanza: stanza}},
		Deposit:   []cache.Deposit{{Sender: alice, OriginID: id, Direction: cache.Out, Time: now, Stanza: stanza}},
		Positions: []cache.Position{{Archive: alice, Last: fmt.Sprint(n)}},
	}
}

func child(path string) error {
	c, err := sqlite.Open(context.Background(), path)
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	free := make(chan struct{}, 32)
	for n := 0; ; n++ {
		select {
		case err := <-failed:
			return err
		case free <- struct{}{}:
		}
		id := fmt.Sprintf("%d-%d", os.Getpid(), n)
		err := c.Commit(pair(id, n), func(_ cache.Result, err error) {
			if err != nil {
				failed <- err
				return
			}
			fmt.Fprintln(os.Stdout, id) // one write to a pipe: what the parent reads was acknowledged
			<-free
		})
		if err != nil {
			return err
		}
	}
}

// TestKilled kills a writing process at many moments and checks that everything whose done was called is there, whole, in order and once.
func TestKilled(t *testing.T) {
	rounds := 10
	if testing.Short() {
		rounds = 3
	}
	path := filepath.Join(t.TempDir(), "cache.db")
	acked := map[string]bool{}
	for round := range rounds {
		for _, id := range killed(t, path, 1+37*round) {
			acked[id] = true
		}
		verify(t, path, acked)
	}
	t.Logf("%d messages acknowledged in %d runs that were killed; none lost", len(acked), rounds)
}

func killed(t *testing.T, path string, after int) (ids []string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childEnv+"="+path)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(stdout)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			break // a line cut off by the kill does not count
		}
		if ids = append(ids, strings.TrimSuffix(line, "\n")); len(ids) == after {
			cmd.Process.Signal(syscall.SIGKILL) //nolint:errcheck // it may be gone
		}
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the child ended by itself: %v\n%s", err, stderr.String())
	}
	return ids
}

func verify(t *testing.T, path string, acked map[string]bool) {
	t.Helper()
	ctx := context.Background()
	c := open(t, path)
	defer c.Close()
	there := map[string]bool{}
	last := map[string]int{}
	for after := int64(0); ; {
		page, err := c.Outbox(ctx, after)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, r := range page {
			after = r.Seq
			there[r.OriginID] = true
			pid, num, _ := strings.Cut(r.OriginID, "-")
			var n int
			fmt.Sscan(num, &n)
			if prev, ok := last[pid]; ok && n != prev+1 {
				t.Fatalf("%s comes after number %d: the order has a gap", r.OriginID, prev)
			}
			last[pid] = n
			m, err := c.Message(ctx, alice, r.OriginID)
			if err != nil || string(m.Stanza) != string(r.Stanza) {
				t.Fatalf("%s is in the outbox and not whole in the history: %v", r.OriginID, err)
			}
		}
	}
	for id := range acked {
		if !there[id] {
			t.Fatalf("acknowledged %s is lost", id)
		}
	}
}

func BenchmarkReceive(b *testing.B) {
	c := open(b, filepath.Join(b.TempDir(), "cache.db"))
	defer c.Close()
	b.ReportAllocs()
	free := make(chan struct{}, 64)
	stanza := []byte(strings.Repeat("x", 400))
	for i := range b.N {
		free <- struct{}{}
		err := c.Commit(cache.Batch{Add: []cache.Message{{
			Chat: bob, Sender: bob, OriginID: fmt.Sprint(i), Direction: cache.In, State: cache.StateReceived, Time: time.Unix(int64(i), 0), Body: "hello", Stanza: stanza,
		}}}, func(_ cache.Result, err error) {
			if err != nil {
				b.Error(err)
			}
			<-free
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkConversations(b *testing.B) {
	cachetest.Bench(b, func(b *testing.B) cache.Cache { return open(b, filepath.Join(b.TempDir(), "cache.db")) })
}
