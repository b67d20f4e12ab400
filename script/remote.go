package script

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strings"
)

// Remote says how to reach a server that runs already, ours or another.
type Remote struct {
	Address string // host:port of a listener with TLS from the first byte, unless Plain
	Domain  string
	Plain   bool // no TLS: the server must allow signing in without
	// AddUser is a command that makes an account; {user}, {domain} and {password} in it are replaced. It runs in a shell.
	AddUser string
}

// remote runs scripts there. Accounts get names of their own for every script, since they stay.
type remote struct {
	Remote
	mark string
}

func newRemote(r Remote) *remote {
	var b [4]byte
	rand.Read(b[:]) // never fails
	return &remote{r, hex.EncodeToString(b[:])}
}

func (r *remote) domain() string          { return r.Domain }
func (r *remote) user(name string) string { return name + "-" + r.mark }

func (r *remote) addAccount(name string) error {
	cmd := strings.NewReplacer("{user}", r.user(name), "{domain}", r.Domain, "{password}", password).Replace(r.AddUser)
	if out, err := exec.Command("sh", "-c", cmd).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	return nil
}

func (r *remote) dial(o options) (*dialed, error) {
	if o.has("notls") && !r.Plain {
		return nil, errNotOurs
	}
	if r.Plain {
		c, err := net.Dial("tcp", r.Address)
		return &dialed{conn: c}, err
	}
	// The certificate is not what scripts are about.
	c, err := tls.Dial("tcp", r.Address, &tls.Config{InsecureSkipVerify: true, ServerName: r.Domain, NextProtos: []string{"xmpp-client"}})
	if err != nil {
		return nil, err
	}
	return &dialed{conn: c, secure: true}, nil
}

func (r *remote) channelBinding(string) []byte  { return nil }
func (r *remote) configure(options) error       { return errNotOurs }
func (r *remote) restart() error                { return errNotOurs }
func (r *remote) counter(string) (int64, error) { return 0, errNotOurs }
func (r *remote) removeAccount(string) error    { return errNotOurs }
func (r *remote) close() error                  { return nil }
func notOurs(err error) bool                    { return errors.Is(err, errNotOurs) }
