package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/mdp/qrterminal/v3"
	"golang.org/x/term"

	"godwit/jid"
	"godwit/server/invite"
	"godwit/store"
)

type inviteCommand struct {
	dataFlag
	Account   bool   `help:"Whoever has the link may make an account. This is what happens without --contact-of."`
	ContactOf string `name:"contact-of" placeholder:"JID" help:"Whoever has the link becomes a contact of this account, and may make an account if they have none."`
	Name      string `placeholder:"NAME" help:"Reserve this user name for whoever has the link."`
	Uses      int    `default:"1" placeholder:"N" help:"How many people may use the link."`
	Expires   string `default:"7d" placeholder:"TIME" help:"How long the link is good, such as 7d or 12h."`
	Page      string `placeholder:"URL" help:"Where browsers find the server, such as https://chat.example.org/. Default: what the running server says."`
	JSON      bool   `name:"json" help:"Print one JSON object."`
}

// Help is shown below the usage.
func (inviteCommand) Help() string {
	return `Prints a link, the same for XMPP clients, and on a terminal a picture of it to point a phone at. Works on a running server's data as well as a
stopped one's; a running one says where its page is.

  godwit invite
  godwit invite --contact-of alice@localhost --uses 5 --expires 2d
  godwit invite --name bob --json`
}

// invitation is what is printed.
type invitation struct {
	URL     string    `json:"url,omitempty"`
	URI     string    `json:"uri"`
	Token   string    `json:"token"`
	Expires time.Time `json:"expires"`
	Uses    int       `json:"uses"`
}

// Run implements the command.
func (c *inviteCommand) Run(ctx context.Context, s streams) error {
	life, err := parseSpan(c.Expires)
	if err != nil {
		return err
	}
	if c.Account && c.ContactOf != "" {
		return usagef("--account and --contact-of exclude each other; an invitation to become a contact lets people make an account, too")
	}
	if c.Uses < 1 || c.Uses > store.MaxInvitationUses {
		return usagef("--uses must be 1 to %d, not %d", store.MaxInvitationUses, c.Uses)
	}
	db, st, err := openExisting(ctx, c.Data)
	if err != nil {
		return err
	}
	defer db.Close()
	w, domain, err := c.wish(life)
	if err != nil {
		return err
	}
	page := c.Page
	if page == "" {
		if page, err = servedPage(ctx, c.Data); err != nil {
			return err
		}
	}
	room, err := invite.New(invite.Config{Domain: domain, Store: st.Invitations, Page: invitePage(func() string { return page }), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	made, err := room.Make(ctx, w)
	switch {
	case errors.Is(err, invite.ErrLife):
		return usagef("--expires %s: from a minute to a year, such as 7d or 12h", c.Expires)
	case errors.Is(err, store.ErrExists):
		return fmt.Errorf("the user name %s is taken, or reserved by another invitation", c.Name)
	case errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("there is no account %s", c.ContactOf)
	case err != nil:
		return err
	}
	return showInvitation(s.out, invitation{URL: made.Page, URI: made.URI, Token: made.Token, Expires: made.Expires.UTC(), Uses: w.Uses}, c.JSON)
}

// wish is the invitation to make, and the domain it is of.
func (c *inviteCommand) wish(life time.Duration) (w invite.Wish, domain jid.JID, err error) {
	served, err := servedDomain(c.Data)
	if err != nil {
		return w, domain, err
	}
	w = invite.Wish{Register: true, Uses: c.Uses, Life: life, Unbounded: true}
	if c.ContactOf != "" {
		if w.Inviter, err = parseAccount(c.ContactOf); err != nil {
			return w, domain, err
		}
		w.Contact = true
		if served == "" {
			served = w.Inviter.Domain()
		}
	}
	if served == "" {
		return w, domain, fmt.Errorf("the server on this data (%s) was never started, so its domain is not known; start it once with: godwit serve --data %s", c.Data, shellQuote(c.Data))
	}
	if domain, err = parseDomain(served); err != nil {
		return w, domain, err
	}
	if c.Name == "" {
		return w, domain, nil
	}
	if w.Account, err = jid.New(c.Name, domain.Domain(), ""); err != nil || strings.Contains(c.Name, "@") {
		return w, domain, usagef("--name %s can not be a user name", c.Name)
	}
	if c.Uses != 1 {
		return w, domain, usagef("--name is for one person, --uses %d for more", c.Uses)
	}
	return w, domain, nil
}

// parseSpan reads a time as people write it: days too.
func parseSpan(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, usagef("--expires %s is no time, which looks like 7d or 12h", s)
	}
	return d, nil
}

// servedPage is where the page of the running server is; "" if none runs or it has none.
func servedPage(ctx context.Context, data string) (string, error) {
	body, err := control(ctx, data, http.MethodGet, "/page")
	if errors.Is(err, errNotRunning) {
		return "", nil
	}
	return strings.TrimSpace(string(body)), err
}

// invitePage makes addresses of the pages that explain invitations. base is the address of the page, "" if there is none.
func invitePage(base func() string) func(token string) string {
	return func(token string) string {
		if page := base(); page != "" {
			return strings.TrimSuffix(page, "/") + "/invite/" + token
		}
		return ""
	}
}

// showInvitation prints it, and on a terminal a picture too.
func showInvitation(w io.Writer, i invitation, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(i)
	}
	link := i.URL
	if link == "" {
		link = i.URI
	} else {
		fmt.Fprintln(w, i.URL)
	}
	fmt.Fprintln(w, i.URI)
	uses := "once"
	if i.Uses > 1 {
		uses = fmt.Sprintf("%d times", i.Uses)
	}
	fmt.Fprintf(w, "good %s, until %s\n", uses, i.Expires.Format("2006-01-02 15:04 UTC"))
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		drawQR(w, link)
	}
	return nil
}

// drawQR draws a text for a phone's camera, two rows in a line.
func drawQR(w io.Writer, text string) {
	qrterminal.GenerateWithConfig(text, qrterminal.Config{
		Level: qrterminal.L, Writer: w, HalfBlocks: true, QuietZone: 2,
		BlackChar: qrterminal.BLACK_BLACK, WhiteChar: qrterminal.WHITE_WHITE, BlackWhiteChar: qrterminal.BLACK_WHITE, WhiteBlackChar: qrterminal.WHITE_BLACK,
	})
}
