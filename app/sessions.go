package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"godwit/admin"
	"godwit/server/account"
)

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
		return fmt.Errorf("%w (%s); start it with: godwit serve --data %s", err, c.Data, shellQuote(c.Data))
	}
	if err != nil {
		return err
	}
	var all admin.Sessions
	if err := json.Unmarshal(body, &all); err != nil {
		return fmt.Errorf("the server's answer can not be understood: %w", err)
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
	return showSessions(s.out, all.Sessions, time.Now(), terminalWidth(s.out))
}

// showSessions prints a table, or where width (0: no bound) is less than it takes, two lines for each session.
func showSessions(w io.Writer, all []account.Info, now time.Time, width int) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(w, "nobody is online")
		return err
	}
	var list table
	list.add("WHO", "ADDRESS", "TRANSPORT", "TLS", "SIGN-IN", "CLIENT", "STATE", "SINCE")
	for _, i := range all {
		list.add(i.JID.String(), i.Address.String(), i.Transport, cmp.Or(strings.TrimPrefix(i.TLS, "TLS "), "none"), i.Mechanism,
			cmp.Or(i.Client, "–"), sessionState(i), sinceWhen(i.Since, now))
	}
	if width == 0 || list.width() <= width {
		return list.write(w)
	}
	for _, row := range list[1:] {
		if row[3] != "none" {
			row[3] = "TLS " + row[3]
		} else {
			row[3] = "no TLS"
		}
		row[7] = "since " + row[7]
		if _, err := fmt.Fprintf(w, "%s\n%s", row[0], wrapWords(row[1:], width, "    ")); err != nil {
			return err
		}
	}
	return nil
}

func sessionState(i account.Info) string {
	switch {
	case i.Hibernating:
		return "waits to resume"
	case i.Available && i.Show != "":
		return i.Show
	case i.Available:
		return "available"
	}
	return "connected"
}

// sinceWhen is a time of day, with the date when that is another one.
func sinceWhen(t, now time.Time) string {
	t, now = t.Local(), now.Local()
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format("15:04:05")
	}
	return t.Format("2006-01-02 15:04")
}

// terminalWidth is how many columns a terminal has; 0 when the output is none.
func terminalWidth(w io.Writer) int {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return 0
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return width
}
