package app

import (
	"context"
	"encoding/json"
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
	"text/tabwriter"
	"time"

	"godwit/admin"
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
	case err != nil:
		return nil, err
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

// tellRemoved ends the sessions of an account that was removed.
func tellRemoved(ctx context.Context, data string, who jid.JID) error {
	_, err := control(ctx, data, http.MethodPost, "/removed?jid="+url.QueryEscape(who.String()))
	return err
}

type sessionsCommand struct {
	dataFlag
	JSON bool `name:"json" help:"Print one JSON object a line."`
}

// Help is shown below the usage.
func (sessionsCommand) Help() string {
	return `Asks the server that runs on the data directory.

  godwit sessions
  godwit sessions --json | jq 'select(.hibernating)'`
}

// Run implements the command.
func (c *sessionsCommand) Run(ctx context.Context, s streams) error {
	body, err := control(ctx, c.Data, http.MethodGet, "/sessions")
	if errors.Is(err, errNotRunning) {
		return fmt.Errorf("%w (%s); start it with: godwit serve --data %s", err, c.Data, c.Data)
	}
	if err != nil {
		return err
	}
	var all admin.Sessions
	if err := json.Unmarshal(body, &all); err != nil {
		return err
	}
	if c.JSON {
		encoder := json.NewEncoder(s.out)
		for _, info := range all.Sessions {
			if err := encoder.Encode(info); err != nil {
				return err
			}
		}
		return nil
	}
	if len(all.Sessions) == 0 {
		fmt.Fprintln(s.out, "nobody is online")
		return nil
	}
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "WHO\tADDRESS\tTRANSPORT\tTLS\tSIGN-IN\tCLIENT\tSTATE\tSINCE")
	for _, i := range all.Sessions {
		state := "connected"
		switch {
		case i.Hibernating:
			state = "waits to resume"
		case i.Available && i.Show != "":
			state = i.Show
		case i.Available:
			state = "available"
		}
		client := i.Client
		if client == "" {
			client = "–"
		}
		encrypted := strings.TrimPrefix(i.TLS, "TLS ")
		if encrypted == "" {
			encrypted = "none"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", i.JID, i.Address, i.Transport, encrypted, i.Mechanism, client, state,
			i.Since.Local().Format("15:04:05"))
	}
	return table.Flush()
}
