package proc

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

// Spec says what to run. The zero value of every field but Path is fine.
type Spec struct {
	// Name stands in front of the program's output in failure reports. Empty
	// means the base name of Path.
	Name string
	// Path is the program, looked up in PATH when it holds no separator.
	Path string
	// Args are its arguments, without the program's name.
	Args []string
	// Env is added to the environment of the test ("KEY=value").
	Env []string
	// Dir is the working directory; empty means that of the test.
	Dir string
	// Wrap is a command line that replaces itself by Path and Args (exec, not
	// fork), so that the process id stays that of the program.
	Wrap []string
	// Keep chooses the lines of standard output that failure reports show; nil
	// shows them all. It is called by one goroutine.
	Keep func(line string) bool
}

// reapTimeout bounds how long the end of a killed process is waited for.
const reapTimeout = 10 * time.Second

// sendTimeout bounds one write to the standard input of a program that has
// stopped reading.
const sendTimeout = 10 * time.Second

// Process is one running (or ended) program. Its methods may be called from
// any goroutine; those that end the test on failure (Expect, Kill9) only from
// the goroutine of the test.
type Process struct {
	t    testing.TB
	name string
	cmd  *exec.Cmd

	stdin  *os.File
	lines  *lineQueue
	stdout *tail // the last lines of standard output, for reports
	stderr *tail

	done chan struct{} // closed after err and the exit state are final
	err  error         // written before done is closed
}

// Start runs path with args and ties the process to t: when the test ends the
// process is killed and waited for, and if the test failed its output is
// logged. It ends the test if the program cannot be started.
func Start(t testing.TB, path string, args ...string) *Process {
	t.Helper()
	return Spec{Path: path, Args: args}.Start(t)
}

// Start runs what s describes; see the function Start.
func (s Spec) Start(t testing.TB) *Process {
	t.Helper()
	p, err := s.start(t)
	if err != nil {
		t.Fatalf("starting %s: %v", s.label(), err)
	}
	t.Cleanup(p.release)
	return p
}

func (s Spec) label() string {
	if s.Name != "" {
		return s.Name
	}
	return filepath.Base(s.Path)
}

func (s Spec) command() (*exec.Cmd, error) {
	if s.Path == "" {
		return nil, errors.New("no path given")
	}
	argv := append(slices.Clone(s.Wrap), s.Path)
	argv = append(argv, s.Args...)
	if len(s.Wrap) > 0 { // a wrapper would report a missing program less clearly
		if _, err := exec.LookPath(s.Path); err != nil {
			return nil, err
		}
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = s.Dir
	cmd.Env = append(os.Environ(), s.Env...)
	DieWithParent(cmd)
	return cmd, nil
}

func (s Spec) start(t testing.TB) (*Process, error) {
	cmd, err := s.command()
	if err != nil {
		return nil, err
	}
	var pipes pipeSet
	defer pipes.closeChildEnds()
	stdinR, stdinW := pipes.toChild()
	stdoutR, stdoutW := pipes.fromChild()
	stderrR, stderrW := pipes.fromChild()
	if pipes.err != nil {
		pipes.closeOurEnds()
		return nil, pipes.err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdinR, stdoutW, stderrW
	if err := cmd.Start(); err != nil {
		pipes.closeOurEnds()
		return nil, err
	}
	p := &Process{
		t: t, name: s.label(), cmd: cmd, stdin: stdinW,
		lines:  newLineQueue(stdoutR),
		stdout: newTail(64 << 10),
		stderr: newTail(256 << 10),
		done:   make(chan struct{}),
	}
	var kept io.Writer = p.stdout
	if s.Keep != nil {
		kept = chosen{p.stdout, s.Keep}
	}
	go p.lines.read(kept)
	go p.lines.deliver()
	stderrEnd := make(chan struct{})
	go func() {
		defer close(stderrEnd)
		_, _ = io.Copy(p.stderr, stderrR)
	}()
	go p.wait(stdoutR, stderrR, stderrEnd)
	return p, nil
}

// wait reaps the process and then gives its output a bounded time to reach end
// of file: a grandchild that inherited the pipes must not hold the test.
func (p *Process) wait(stdout, stderr *os.File, stderrEnd <-chan struct{}) {
	err := p.cmd.Wait()
	_ = p.stdin.Close()
	deadline := time.Now().Add(2 * time.Second)
	_ = stdout.SetReadDeadline(deadline)
	_ = stderr.SetReadDeadline(deadline)
	<-stderrEnd
	_ = stderr.Close()
	p.err = err
	close(p.done)
}

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Name is the name used in reports.
func (p *Process) Name() string { return p.name }

// Lines delivers standard output line by line, without line ends, in order and
// without loss however late it is read. It is closed at end of file or when the
// test ends. Expect and Await read from the same channel.
func (p *Process) Lines() <-chan string { return p.lines.out }

// Done is closed when the process has ended and its standard error is complete.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err tells how the process ended, in the terms of exec.Cmd.Wait: nil for exit
// code 0, *exec.ExitError otherwise. It waits for the end.
func (p *Process) Err() error {
	<-p.done
	return p.err
}

// ExitCode waits for the end and tells the exit code, or -1 if a signal ended
// the process.
func (p *Process) ExitCode() int {
	<-p.done
	return p.cmd.ProcessState.ExitCode()
}

// Stderr is what the program wrote to standard error so far; of very long
// output only the end.
func (p *Process) Stderr() string { return p.stderr.String() }

// Send writes one line to standard input. It fails when the program has ended
// or has not read its input for ten seconds.
func (p *Process) Send(line string) error {
	if err := p.stdin.SetWriteDeadline(time.Now().Add(sendTimeout)); err != nil {
		return fmt.Errorf("%s: standard input: %w", p.name, err)
	}
	if _, err := io.WriteString(p.stdin, line+"\n"); err != nil {
		return fmt.Errorf("%s: standard input: %w", p.name, err)
	}
	return nil
}

// CloseStdin lets the program read end of file.
func (p *Process) CloseStdin() error { return p.stdin.Close() }

// Signal sends sig, for instance syscall.SIGTERM, SIGSTOP or SIGHUP. It is
// os.ErrProcessDone after the end.
func (p *Process) Signal(sig syscall.Signal) error { return p.cmd.Process.Signal(sig) }

// Kill9 ends the process with SIGKILL and returns when it is gone. Killing a
// process that has ended already is fine. What it wrote before stays readable.
func (p *Process) Kill9() {
	p.t.Helper()
	if err := p.kill(); err != nil {
		p.t.Fatal(err)
	}
}

func (p *Process) kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("killing %s (pid %d): %w", p.name, p.PID(), err)
	}
	timer := time.NewTimer(reapTimeout)
	defer timer.Stop()
	select {
	case <-p.done:
		return nil
	case <-timer.C:
		return fmt.Errorf("%s (pid %d) is still there %v after SIGKILL", p.name, p.PID(), reapTimeout)
	}
}

// release ends the process with its test and reports its output if the test
// failed.
func (p *Process) release() {
	p.t.Helper()
	abandoned := false
	select {
	case <-p.done:
	default:
		if err := p.kill(); err != nil {
			abandoned = true
			p.t.Error(err)
		}
	}
	p.lines.release(abandoned)
	if p.t.Failed() {
		p.t.Log(p.Report())
	}
}

// Report is how the process stands and the end of its output, for a failure
// message. Tests that fail get it without asking, when all output has been read.
// Before that it holds what has been read so far; why reading ended early is in it
// once Lines is closed.
func (p *Process) Report() string {
	state := "running"
	select {
	case <-p.done:
		state = p.cmd.ProcessState.String()
	default:
	}
	if err := p.lines.failure(); err != nil {
		state += ", " + err.Error()
	}
	return fmt.Sprintf("%s (pid %d, %s)\n--- standard output ---\n%s--- standard error ---\n%s",
		p.name, p.PID(), state, p.stdout, p.stderr)
}
