package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"godwit/jid"
)

// errNotRunning means that no server runs on the data directory.
var errNotRunning = errors.New("no server runs on this data directory")

// control asks the server that runs on a data directory.
func control(ctx context.Context, data, method, path string) ([]byte, error) {
	socket := filepath.Join(data, controlSocket)
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		},
	}}
	request, err := http.NewRequestWithContext(ctx, method, "http://control"+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return nil, errNotRunning
	case errors.Is(err, os.ErrPermission):
		return nil, fmt.Errorf("only the user that runs the server may ask it (%s)", socket)
	case err != nil:
		return nil, fmt.Errorf("the running server does not answer: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server said: %s", strings.TrimSpace(string(body)))
	}
	return body, nil
}

// tellServer tells the server, if one runs, that something happened to an account.
func tellServer(ctx context.Context, data, what string, who jid.JID) error {
	_, err := control(ctx, data, http.MethodPost, what+"?jid="+url.QueryEscape(who.String()))
	if errors.Is(err, errNotRunning) {
		return nil
	}
	return err
}
