package proc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// roleEnv turns this test binary into the program that its tests run.
const roleEnv = "PROC_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case "":
		goleak.VerifyTestMain(m)
	case "echo": // answers each line and ends with its input
		fmt.Println("ready")
		fmt.Fprintln(os.Stderr, "a word for the log")
		in := bufio.NewScanner(os.Stdin)
		for in.Scan() {
			fmt.Println("echo " + in.Text())
		}
		fmt.Println("bye")
		os.Exit(3)
	case "flood": // more than any pipe holds, without being asked
		w := bufio.NewWriter(os.Stdout)
		for i := range 200_000 {
			fmt.Fprintln(w, "line", i)
		}
		_ = w.Flush()
	case "long": // one line longer than is understood, then much more
		line := strings.Repeat("x", maxLine+1)
		for range 3 {
			fmt.Println(line)
		}
	case "parent": // starts a program that outlives it unless the kernel helps
		spec := echo()
		spec.Env = []string{roleEnv + "=echo"}
		cmd, err := spec.command()
		if err != nil {
			os.Exit(1)
		}
		cmd.Stdin, cmd.Stdout = os.Stdin, os.Stdout
		if cmd.Start() != nil {
			os.Exit(1)
		}
		_ = cmd.Wait()
	}
}

func role(name string) Spec {
	return Spec{Name: name, Path: os.Args[0], Env: []string{roleEnv + "=" + name}}
}

func echo() Spec { return role("echo") }

func TestConversation(t *testing.T) {
	p := echo().Start(t)
	p.Expect(10*time.Second, "the first line", Is("ready"))
	for _, word := range []string{"one", "two", "three"} {
		if err := p.Send(word); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"echo one", "echo two", "echo three"} {
		if got := <-p.Lines(); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
	if err := p.CloseStdin(); err != nil {
		t.Fatal(err)
	}
	if code := p.ExitCode(); code != 3 {
		t.Fatalf("exit code %d, want 3", code)
	}
	if err := p.Err(); err == nil {
		t.Fatal("exit code 3 is no success")
	}
	if got := <-p.Lines(); got != "bye" {
		t.Fatalf("the last line must survive the end, got %q", got)
	}
	if line, ok := <-p.Lines(); ok {
		t.Fatalf("unexpected line %q after the end", line)
	}
	if got := p.Stderr(); got != "a word for the log\n" {
		t.Fatalf("standard error: %q", got)
	}
	if _, err := p.Await(context.Background(), Is("never")); !errors.Is(err, ErrEnded) {
		t.Fatalf("got %v, want ErrEnded", err)
	}
}

func TestKill9(t *testing.T) {
	p := echo().Start(t)
	p.Expect(10*time.Second, "the first line", Prefix("rea"))
	p.Kill9()
	p.Kill9() // twice is fine
	if code := p.ExitCode(); code != -1 {
		t.Fatalf("exit code %d, want -1 for death by signal", code)
	}
	if err := syscall.Kill(p.PID(), 0); !errors.Is(err, syscall.ESRCH) {
		t.Fatalf("pid %d is not gone: %v", p.PID(), err)
	}
	if err := p.Send("anyone?"); err == nil {
		t.Fatal("writing to a dead program must fail")
	}
	if err := p.Signal(syscall.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
		t.Fatalf("got %v, want os.ErrProcessDone", err)
	}
}

// Output that nobody reads must neither block the program nor get lost.
func TestUnreadOutputIsKept(t *testing.T) {
	p := role("flood").Start(t)
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range p.Lines() {
		if want := fmt.Sprintf("line %d", n); line != want {
			t.Fatalf("got %q, want %q", line, want)
		}
		n++
	}
	if n != 200_000 {
		t.Fatalf("got %d lines", n)
	}
}

func TestOverlongLineIsReportedAndDoesNotBlock(t *testing.T) {
	p := role("long").Start(t)
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	for range p.Lines() {
		t.Fatal("half a line must not pass for a line")
	}
	if !strings.Contains(p.Report(), "token too long") {
		t.Fatalf("the report does not say why:\n%s", p.Report())
	}
}

// bystander stands for a test that fails, so that its report can be read.
type bystander struct {
	testing.TB
	failed   bool
	logged   strings.Builder
	cleanups []func()
}

func (b *bystander) Helper()           {}
func (b *bystander) Cleanup(f func())  { b.cleanups = append(b.cleanups, f) }
func (b *bystander) Failed() bool      { return b.failed }
func (b *bystander) Log(args ...any)   { fmt.Fprintln(&b.logged, args...) }
func (b *bystander) Error(args ...any) { b.failed = true; b.Log(args...) }
func (b *bystander) end() {
	for _, f := range b.cleanups {
		f()
	}
}

func TestOutputIsReportedOnlyOnFailure(t *testing.T) {
	for _, failed := range []bool{true, false} {
		b := &bystander{TB: t}
		p := echo().Start(b)
		p.Expect(10*time.Second, "the first line", Is("ready"))
		_ = p.CloseStdin()
		<-p.Done()
		b.failed = failed
		b.end()
		reported := strings.Contains(b.logged.String(), "a word for the log") &&
			strings.Contains(b.logged.String(), "ready") && strings.Contains(b.logged.String(), "exit status 3")
		if reported != failed {
			t.Errorf("failed=%v: the report reads %q", failed, b.logged.String())
		}
	}
}

// What a program wrote last is in the report even if nobody read it and the test ends
// the moment the program does.
func TestLastOutputIsReported(t *testing.T) {
	b := &bystander{TB: t, failed: true}
	p := role("flood").Start(b)
	<-p.Done()
	b.end()
	if !strings.Contains(b.logged.String(), "line 199999\n") {
		t.Fatalf("the report ends too early: %s", tailOf(b.logged.String()))
	}
}

func tailOf(s string) string { return s[max(0, len(s)-200):] }

// The end of a test ends the program, also when it neither reads its output nor
// ends by itself.
func TestEndOfTestEndsProgram(t *testing.T) {
	b := &bystander{TB: t}
	p := echo().Start(b)
	b.end()
	<-p.Done()
	if p.ExitCode() != -1 {
		t.Fatalf("ended by itself: %s", p.Report())
	}
	for range p.Lines() { // closed, whatever was left in it
	}
}

// A test binary that is killed takes its programs along: the grandchild holds
// the write end of the pipe, so end of file proves its death.
func TestProgramsDieWithTheTestBinary(t *testing.T) {
	cmd, err := role("parent").command()
	if err != nil {
		t.Fatal(err)
	}
	var pipes pipeSet
	stdinR, stdinW := pipes.toChild()
	stdoutR, stdoutW := pipes.fromChild()
	if pipes.err != nil {
		t.Fatal(pipes.err)
	}
	defer pipes.closeOurEnds()
	cmd.Stdin, cmd.Stdout = stdinR, stdoutW
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pipes.closeChildEnds()
	out := bufio.NewReader(stdoutR)
	if line, err := out.ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("the grandchild said %q, %v", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	_ = stdoutR.SetReadDeadline(time.Now().Add(10 * time.Second))
	if rest, err := io.ReadAll(out); err != nil {
		t.Fatalf("the grandchild lives on (%q): %v", rest, err)
	}
	_ = stdinW
}

func TestStartErrors(t *testing.T) {
	for _, c := range []struct {
		spec Spec
		why  string
	}{
		{Spec{}, "no path"},
		{Spec{Path: "/nonexistent/program"}, "no such program"},
		{Spec{Path: "/nonexistent/program", Wrap: []string{"env"}}, "the wrapper exists, the program does not"},
		{Spec{Path: os.Args[0], Dir: "/nonexistent"}, "no such directory"},
	} {
		if p, err := c.spec.start(t); err == nil {
			p.release()
			t.Errorf("%s: started", c.why)
		}
	}
}

func TestReportShowsChosenLines(t *testing.T) {
	s := echo()
	s.Keep = func(line string) bool { return line != "echo noise" }
	p := s.Start(t)
	for _, line := range []string{"noise", "words", "noise"} {
		if err := p.Send(line); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"noise", "words", "noise"} { // all are delivered
		p.Expect(10*time.Second, want, Contains(want))
	}
	if r := p.Report(); strings.Contains(r, "noise") || !strings.Contains(r, "words") {
		t.Errorf("reported %q", r)
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	k := newTail(10)
	for i := range 100 {
		fmt.Fprintf(k, "%02d", i)
	}
	if got := k.String(); len(got) > 25+len("[…]") || !strings.HasSuffix(got, "96979899") || !strings.HasPrefix(got, "[…]") {
		t.Fatalf("kept %q", got)
	}
}
