package app

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
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

  godwit user add alice@localhost                  asks for the password
  echo secret | godwit user add alice@localhost    reads it from standard input
  godwit user list --json`
}

type dataFlag struct {
	Data string `default:"${data}" placeholder:"DIR" help:"The server's data directory."`
}

type passwordFlag struct {
	PasswordFile string `placeholder:"FILE" help:"Read the password from the first line of this file."`
}

type userAdd struct {
	dataFlag
	passwordFlag
	JID string `arg:"" name:"address" help:"The address, such as alice@localhost."`
}

// Help is shown below the usage.
func (userAdd) Help() string {
	return `The password is asked for on a terminal; otherwise it is the first line of standard input or of --password-file. It is never
taken from the command line, which others on this machine can read. Only salted keys of it are stored.

  godwit user add alice@localhost
  pwgen 16 1 | tee alice.txt | godwit user add alice@localhost
  godwit user add alice@localhost --password-file alice.txt`
}

type userPasswd struct {
	dataFlag
	passwordFlag
	EndSessions bool   `help:"Also end the account's sessions, because somebody else may know the old password."`
	JID         string `arg:"" name:"address" help:"The address, such as alice@localhost."`
}

// Help is shown below the usage.
func (userPasswd) Help() string {
	return `The new password counts from the next sign-in. Sessions that are there go on, unless --end-sessions is given.

  godwit user passwd alice@localhost
  godwit user passwd --end-sessions alice@localhost --password-file new.txt`
}

type userRemove struct {
	dataFlag
	JID string `arg:"" name:"address" help:"The address, such as alice@localhost."`
}

// Help is shown below the usage.
func (userRemove) Help() string {
	return `There is no way back, but for a backup.

  godwit user remove alice@localhost`
}

type userList struct {
	dataFlag
	JSON bool `name:"json" help:"Print one JSON object a line."`
}

// Help is shown below the usage.
func (userList) Help() string {
	return `In order of address, with the time at which each was added.

  godwit user list
  godwit user list --json | jq -r .jid`
}

// makeData makes the data directory if it is not there, for its owner only.
func makeData(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("the data directory can not be made: %w", err)
	}
	return nil
}

// openStore opens the store in a data directory, making it if need be.
func openStore(ctx context.Context, dir string) (*sqlite.Store, server.Store, error) {
	db, err := sqlite.Open(ctx, filepath.Join(dir, databaseFile), sqlite.Options{})
	if err != nil {
		return nil, server.Store{}, fmt.Errorf("the data in %s can not be opened: %w", dir, err)
	}
	return db, storeFor(db), nil
}

// openExisting opens a store that must be there, so that a mistyped directory is no new server without accounts.
func openExisting(ctx context.Context, dir string) (*sqlite.Store, server.Store, error) {
	if _, err := os.Stat(filepath.Join(dir, databaseFile)); errors.Is(err, fs.ErrNotExist) {
		return nil, server.Store{}, fmt.Errorf("there is no server's data in %s; name its directory with --data", dir)
	}
	return openStore(ctx, dir)
}

func storeFor(db *sqlite.Store) server.Store {
	return server.Store{
		Accounts: db.Accounts(), Rosters: db.Roster(), Archive: db.Archive(), Inbox: db.Inbox(),
		LastSeen: db.LastSeen(), Blocklist: db.Blocklist(), PubSub: db.PubSub(), Secrets: db.Secrets(), Grants: db.Grants(), Invitations: db.Invitations(), Uploads: db.Uploads(), Commits: db,
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
func (f passwordFlag) password(ctx context.Context, in io.Reader, prompt io.Writer, who jid.JID) (string, error) {
	if f.PasswordFile != "" {
		return f.fromFile()
	}
	if file, ok := in.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return askTwice(ctx, int(file.Fd()), prompt, who)
	}
	return firstLine(in)
}

func (f passwordFlag) fromFile() (string, error) {
	file, err := os.Open(f.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("the password can not be read: %w", err)
	}
	defer file.Close()
	return firstLine(file)
}

// askTwice asks on a terminal, without showing what is typed.
func askTwice(ctx context.Context, fd int, prompt io.Writer, who jid.JID) (string, error) {
	first, err := ask(ctx, fd, prompt, fmt.Sprintf("Password for %s: ", who))
	if err != nil {
		return "", err
	}
	again, err := ask(ctx, fd, prompt, "Once more: ")
	if err != nil {
		return "", err
	}
	if first != again {
		return "", errors.New("the two passwords differ; nothing was changed")
	}
	if first == "" {
		return "", errEmptyPassword
	}
	return first, nil
}

// ask reads one line that is not shown. An interrupt ends it and leaves the terminal as it was.
func ask(ctx context.Context, fd int, prompt io.Writer, text string) (string, error) {
	before, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("the password can not be asked for: %w", err)
	}
	fmt.Fprint(prompt, text)
	defer fmt.Fprintln(prompt)
	type answer struct {
		line []byte
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		line, err := term.ReadPassword(fd)
		got <- answer{line, err}
	}()
	select {
	case a := <-got:
		if errors.Is(a.err, io.EOF) {
			return "", errEmptyPassword
		}
		return string(a.line), a.err
	case <-ctx.Done(): // the read goes on until the program ends, which is now
		return "", errors.Join(ctx.Err(), term.Restore(fd, before))
	}
}

var errEmptyPassword = errors.New("the password is empty")

// maxPasswordLine bounds what is read in search of a password.
const maxPasswordLine = 4096

func firstLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, maxPasswordLine)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("the password can not be read: %w", err)
	}
	if len(line) == maxPasswordLine {
		return "", fmt.Errorf("the password is longer than %d bytes", sasl.MaxPassword)
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return "", errEmptyPassword
	}
	return line, nil
}

// Run implements the command.
func (c *userAdd) Run(ctx context.Context, s streams) error {
	who, err := parseAccount(c.JID)
	if err != nil {
		return err
	}
	if err := makeData(c.Data); err != nil {
		return err
	}
	if err := checkServed(c.Data, who); err != nil {
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
	password, err := c.password(ctx, s.in, s.err, who)
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
	db, st, err := openExisting(ctx, c.Data)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := st.Accounts.Get(ctx, who); errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("there is no account %s", who)
	}
	password, err := c.password(ctx, s.in, s.err, who)
	if err != nil {
		return err
	}
	switch err := st.SetPassword(ctx, who, password); {
	case errors.Is(err, store.ErrNotFound): // removed in the meantime
		return fmt.Errorf("there is no account %s", who)
	case err != nil:
		return passwordError(err)
	}
	if c.EndSessions {
		if err := tellServer(ctx, c.Data, "/changed", who); err != nil {
			return fmt.Errorf("the password of %s was changed, but the running server could not be told to end its sessions: %w", who, err)
		}
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
	db, st, err := openExisting(ctx, c.Data)
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
	if err := tellServer(ctx, c.Data, "/removed", who); err != nil {
		return fmt.Errorf("%s was removed, but the running server could not be told to end its sessions: %w", who, err)
	}
	fmt.Fprintf(s.out, "removed %s\n", who)
	return nil
}

// Run implements the command.
func (c *userList) Run(ctx context.Context, s streams) error {
	db, st, err := openExisting(ctx, c.Data)
	if err != nil {
		return err
	}
	defer db.Close()
	var list table
	list.add("ACCOUNT", "ADDED")
	encoder := json.NewEncoder(s.out)
	for after := (jid.JID{}); ; {
		page, err := st.Accounts.List(ctx, after, 0)
		if err != nil {
			return err
		}
		for _, a := range page {
			after = a.JID
			if !c.JSON {
				list.add(a.JID.String(), a.Created.Local().Format("2006-01-02 15:04"))
				continue
			}
			if err := encoder.Encode(map[string]any{"jid": a.JID.String(), "created": a.Created.UTC()}); err != nil {
				return err
			}
		}
		if len(page) > 0 {
			continue
		}
		switch {
		case c.JSON:
			return nil
		case len(list) == 1:
			_, err := fmt.Fprintf(s.out, "there are no accounts; add one with: godwit user add alice@%s\n", cmp.Or(exampleDomain(c.Data), "localhost"))
			return err
		}
		return list.write(s.out)
	}
}

// exampleDomain is the served domain where it is only an example.
func exampleDomain(data string) string {
	domain, _ := servedDomain(data)
	return domain
}
