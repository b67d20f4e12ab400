package app

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"godwit/jid"
	"godwit/sasl"
	"godwit/server"
	"godwit/store"
	"godwit/store/sqlite"
)

// databaseFile is the server's store in its data directory.
const databaseFile = "godwit.db"

type userCommand struct {
	Add    userAdd    `cmd:"" help:"Add an account."`
	Passwd userPasswd `cmd:"" help:"Change an account's password."`
	Remove userRemove `cmd:"" help:"Remove an account with its contacts, messages and settings, and end its sessions."`
	List   userList   `cmd:"" help:"List accounts."`
}

// Help is shown below the usage.
func (userCommand) Help() string {
	return `Works on a running server's data as well as a stopped one's.

  godwit user add alice@localhost                    asks for the password
  echo secret | godwit user add alice@localhost      reads it from standard input
  godwit user list --json`
}

type dataFlag struct {
	Data string `default:"./godwit-data" placeholder:"DIR" help:"The server's data directory."`
}

type passwordFlag struct {
	PasswordFile string `placeholder:"FILE" help:"Read the password from the first line of this file instead of asking."`
}

type userAdd struct {
	dataFlag
	passwordFlag
	JID string `arg:"" name:"jid" help:"The address, such as alice@localhost."`
}

type userPasswd struct {
	dataFlag
	passwordFlag
	JID string `arg:"" name:"jid" help:"The address."`
}

type userRemove struct {
	dataFlag
	JID string `arg:"" name:"jid" help:"The address."`
}

type userList struct {
	dataFlag
	JSON bool `name:"json" help:"Print one JSON object a line."`
}

// openStore opens the store in a data directory, making both if need be.
func openStore(ctx context.Context, dir string) (*sqlite.Store, server.Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, server.Store{}, fmt.Errorf("the data directory can not be made: %w", err)
	}
	db, err := sqlite.Open(ctx, filepath.Join(dir, databaseFile), sqlite.Options{})
	if err != nil {
		return nil, server.Store{}, fmt.Errorf("the data in %s can not be opened: %w", dir, err)
	}
	return db, storeFor(db), nil
}

func storeFor(db *sqlite.Store) server.Store {
	return server.Store{
		Accounts: db.Accounts(), Rosters: db.Roster(), Archive: db.Archive(), Inbox: db.Inbox(),
		LastSeen: db.LastSeen(), Secrets: db.Secrets(), Commits: db,
	}
}

func parseAccount(s string) (jid.JID, error) {
	who, err := jid.Parse(s)
	if err != nil || who.Local() == "" || !who.IsBare() {
		return jid.JID{}, usagef("%q is not the address of an account, which looks like alice@localhost", s)
	}
	return who, nil
}

// parseAccountWithResource takes a full address too.
func parseAccountWithResource(s string) (jid.JID, error) {
	who, err := jid.Parse(s)
	if err != nil || who.Local() == "" {
		return jid.JID{}, usagef("%q is not the address of an account, which looks like alice@localhost", s)
	}
	return who, nil
}

// password reads a password from a file, a prompt or standard input; never from the command line, which others can see.
func (f passwordFlag) password(in io.Reader, prompt io.Writer, who jid.JID) (string, error) {
	if f.PasswordFile != "" {
		file, err := os.Open(f.PasswordFile)
		if err != nil {
			return "", err
		}
		defer file.Close()
		return firstLine(file)
	}
	if file, ok := in.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return askTwice(int(file.Fd()), prompt, who)
	}
	return firstLine(in)
}

func askTwice(fd int, prompt io.Writer, who jid.JID) (string, error) {
	ask := func(text string) (string, error) {
		fmt.Fprint(prompt, text)
		p, err := term.ReadPassword(fd)
		fmt.Fprintln(prompt)
		return string(p), err
	}
	first, err := ask(fmt.Sprintf("Password for %s: ", who))
	if err != nil {
		return "", err
	}
	again, err := ask("Once more: ")
	if err != nil {
		return "", err
	}
	if first != again {
		return "", errors.New("the two passwords differ")
	}
	return first, nil
}

// maxPasswordLine bounds what is read in search of a password.
const maxPasswordLine = 4096

func firstLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, maxPasswordLine)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return "", errors.New("the password is empty")
	}
	return line, nil
}

// Run implements the command.
func (c *userAdd) Run(ctx context.Context, s streams) error {
	who, err := parseAccount(c.JID)
	if err != nil {
		return err
	}
	db, st, err := openStore(ctx, c.Data)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := st.Accounts.Get(ctx, who); err == nil { // before asking for a password
		return fmt.Errorf("%s exists already; to change its password: godwit user passwd %s", who, who)
	}
	password, err := c.password(s.in, s.err, who)
	if err != nil {
		return err
	}
	switch err := st.CreateAccount(ctx, store.Account{JID: who, Created: time.Now()}, password); {
	case errors.Is(err, store.ErrExists):
		return fmt.Errorf("%s exists already", who)
	case err != nil:
		return passwordError(err)
	}
	fmt.Fprintf(s.out, "added %s\n", who)
	return nil
}

func passwordError(err error) error {
	if errors.Is(err, sasl.ErrPassword) {
		return errors.New("this password can not be used: it is empty, too long or has characters that can not be typed everywhere")
	}
	return err
}

// Run implements the command.
func (c *userPasswd) Run(ctx context.Context, s streams) error {
	who, err := parseAccount(c.JID)
	if err != nil {
		return err
	}
	db, st, err := openStore(ctx, c.Data)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := st.Accounts.Get(ctx, who); errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("there is no account %s", who)
	}
	password, err := c.password(s.in, s.err, who)
	if err != nil {
		return err
	}
	if err := st.SetPassword(ctx, who, password); err != nil {
		return passwordError(err)
	}
	fmt.Fprintf(s.out, "changed the password of %s\n", who)
	return nil
}

// Run implements the command.
func (c *userRemove) Run(ctx context.Context, s streams) error {
	who, err := parseAccount(c.JID)
	if err != nil {
		return err
	}
	db, st, err := openStore(ctx, c.Data)
	if err != nil {
		return err
	}
	defer db.Close()
	switch err := st.Accounts.Remove(ctx, who); {
	case errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("there is no account %s", who)
	case err != nil:
		return err
	}
	switch err := tellRemoved(ctx, c.Data, who); {
	case errors.Is(err, errNotRunning):
	case err != nil:
		return fmt.Errorf("%s was removed, but the running server could not be told to end its sessions: %w", who, err)
	}
	fmt.Fprintf(s.out, "removed %s\n", who)
	return nil
}

// Run implements the command.
func (c *userList) Run(ctx context.Context, s streams) error {
	db, st, err := openStore(ctx, c.Data)
	if err != nil {
		return err
	}
	defer db.Close()
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	encoder := json.NewEncoder(s.out)
	if !c.JSON {
		fmt.Fprintln(table, "ACCOUNT\tADDED")
	}
	for after := (jid.JID{}); ; {
		page, err := st.Accounts.List(ctx, after, 0)
		if err != nil {
			return err
		}
		for _, a := range page {
			after = a.JID
			if !c.JSON {
				fmt.Fprintf(table, "%s\t%s\n", a.JID, a.Created.Local().Format("2006-01-02 15:04"))
				continue
			}
			if err := encoder.Encode(map[string]any{"jid": a.JID.String(), "created": a.Created.UTC()}); err != nil {
				return err
			}
		}
		if len(page) == 0 {
			return table.Flush()
		}
	}
}
