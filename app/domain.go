package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"godwit/jid"
)

// domainFile holds the name of the domain that was served from a data directory last.
const domainFile = "domain"

// rememberDomain writes down which domain is served, and returns the one that was before; "" if that was the same or none.
func rememberDomain(data, domain string) (before string, err error) {
	switch before, err = servedDomain(data); {
	case err != nil:
		return "", err
	case before == domain:
		return "", nil
	}
	return before, replaceFile(filepath.Join(data, domainFile), []byte(domain+"\n"), 0o644)
}

// servedDomain is the domain that was served from a data directory last; "" if there was none yet.
func servedDomain(data string) (string, error) {
	text, err := os.ReadFile(filepath.Join(data, domainFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.TrimSpace(string(text)), err
}

// checkServed refuses the address of a new account that could never sign in. It is a slip of the pen: what a server on this data serves is
// known. Data that was never served may get accounts of any domain.
func checkServed(data string, who jid.JID) error {
	domain, err := servedDomain(data)
	if err != nil || domain == "" || who.Domain() == domain {
		return err
	}
	return fmt.Errorf("%s could never sign in: the server on this data (%s) serves %s; did you mean %s@%s?", who, data, domain, who.Local(), domain)
}

// replaceFile writes a file so that it is there whole or not at all.
func replaceFile(path string, content []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
