package app

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"godwit/client"
	"godwit/headless"
	"godwit/jid"
)

// Bounds of what a running client is asked by other processes of its user.
const (
	maxQuestion  = 64 << 10 // bytes of a line
	maxAnswer    = 16 << 20
	questionTime = 10 * time.Second
	maxAskers    = 8 // at a time; others wait
)

// clientSocket is where a client of an account that runs on a data directory can be asked.
func clientSocket(data string, account jid.JID) string {
	sum := sha256.Sum256([]byte(account.Bare().String()))
	return filepath.Join(data, "client-"+hex.EncodeToString(sum[:6])+".sock")
}

// privateSocket opens a socket that only this user may use, in the place of one that is there. It is made where only we can look, and moved to
// its place once nobody else may open it. Closing it does not remove it.
func privateSocket(ctx context.Context, path string) (net.Listener, error) {
	private, err := os.MkdirTemp(filepath.Dir(path), ".c")
	if err != nil {
		return nil, fmt.Errorf("the control socket can not be made: %w", err)
	}
	defer os.RemoveAll(private)
	made := filepath.Join(private, "s")
	if len(path) > maxSocketPath || len(made) > maxSocketPath {
		return nil, fmt.Errorf("the path of the data directory is too long for a socket in it; at most %d bytes go: use a shorter --data, such as a relative one or a symbolic link",
			maxSocketPath-len(filepath.Base(path))-1)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", made)
	if err != nil {
		return nil, fmt.Errorf("the control socket can not be made: %w", err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // it is moved
	if err := errors.Join(os.Chmod(made, 0o600), os.Rename(made, path)); err != nil {
		l.Close()
		return nil, fmt.Errorf("the control socket can not be made: %w", err)
	}
	return l, nil
}

// clientControl answers other processes while a client runs. Its goroutines end with close.
type clientControl struct {
	path     string
	info     fs.FileInfo // of the socket, to remove no other
	listener net.Listener
	answer   func(ctx context.Context, line []byte) []byte
	ctx      context.Context
	cancel   context.CancelFunc
	work     sync.WaitGroup
	places   chan struct{}
}

// errOtherClient means that a client of the account runs already.
var errOtherClient = errors.New("another client of this account runs on the same data directory and goes on being the one that is asked for links")

// openClientControl opens the socket of a client. One that nobody answers on is left over from a client that was killed.
func openClientControl(ctx context.Context, path string, answer func(context.Context, []byte) []byte) (*clientControl, error) {
	if conn, err := dialUnix(ctx, path); err == nil {
		conn.Close()
		return nil, errOtherClient
	}
	l, err := privateSocket(ctx, path)
	if err != nil {
		return nil, err
	}
	c := &clientControl{path: path, listener: l, answer: answer, places: make(chan struct{}, maxAskers)}
	c.info, _ = os.Lstat(path)
	c.ctx, c.cancel = context.WithCancel(ctx)
	c.work.Go(c.serve)
	return c, nil
}

func (c *clientControl) serve() {
	for {
		conn, err := c.listener.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			select { // such as too many open files
			case <-time.After(time.Second):
				continue
			case <-c.ctx.Done():
				return
			}
		}
		select {
		case c.places <- struct{}{}:
			c.work.Go(func() {
				defer func() { <-c.places }()
				c.talk(conn)
			})
		case <-c.ctx.Done():
			conn.Close()
			return
		}
	}
}

// talk answers one line.
func (c *clientControl) talk(conn net.Conn) {
	defer conn.Close()
	defer context.AfterFunc(c.ctx, func() { conn.Close() })()
	ctx, cancel := context.WithTimeout(c.ctx, questionTime)
	defer cancel()
	_ = conn.SetDeadline(time.Now().Add(questionTime))
	line, err := bufio.NewReader(io.LimitReader(conn, maxQuestion)).ReadBytes('\n')
	if len(bytes.TrimSpace(line)) == 0 || err != nil && !errors.Is(err, io.EOF) {
		return // somebody who looks whether anybody is there
	}
	_, _ = conn.Write(c.answer(ctx, line))
}

// close ends it and removes the socket, unless another one is in its place.
func (c *clientControl) close() {
	c.cancel()
	c.listener.Close()
	c.work.Wait()
	if now, err := os.Lstat(c.path); err == nil && c.info != nil && os.SameFile(now, c.info) {
		os.Remove(c.path)
	}
}

func dialUnix(ctx context.Context, path string) (net.Conn, error) {
	d := net.Dialer{Timeout: questionTime}
	return d.DialContext(ctx, "unix", path)
}

// askClient asks the client that runs for an account on a data directory.
func askClient(ctx context.Context, data string, account jid.JID, question any) ([]byte, error) {
	conn, err := dialUnix(ctx, clientSocket(data, account))
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("no client of %s runs on %s; start one with: godwit headless %s --data %s", account.Bare(), data,
			shellQuote(account.Bare().String()), shellQuote(data))
	case errors.Is(err, os.ErrPermission):
		return nil, fmt.Errorf("only the user that runs the client may ask it (%s)", clientSocket(data, account))
	case err != nil:
		return nil, fmt.Errorf("the running client does not answer: %w", err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(questionTime))
	line, err := json.Marshal(question)
	if err == nil {
		_, err = conn.Write(append(line, '\n'))
	}
	var answer []byte
	if err == nil {
		answer, err = bufio.NewReader(io.LimitReader(conn, maxAnswer)).ReadBytes('\n')
	}
	if err != nil {
		return nil, fmt.Errorf("the running client does not answer: %w", err)
	}
	return answer, nil
}

// serveQuestions lets other processes ask a client while it runs. A client that can not be asked runs all the same.
func serveQuestions(ctx context.Context, path string, c *runningClient, lang client.Lang, log *slog.Logger) (stop func()) {
	control, err := openClientControl(ctx, path, func(ctx context.Context, line []byte) []byte {
		return headless.Answer(ctx, c.Client, lang, line)
	})
	if err != nil {
		log.Warn("this client can not be asked for its links by another process", "error", err)
		return func() {}
	}
	return control.close
}
