package headless

import (
	"context"
	"errors"
	"time"

	"godwit/client"
)

// deviceCommands are about who has access to the account, and who else may come in.
var deviceCommands = []entry{
	on("devices", doDevices),
	on("signout", doSignOut),
	on("signoutself", doSignOutSelf),
	on("password", doPassword),
	on("invite", doInvite),
	on("useinvite", doUseInvite),
}

// AskDevices asks for the devices of the account.
type AskDevices struct{ Head }

func doDevices(ctx context.Context, q *Call, _ AskDevices) error {
	return q.Go(ctx, func(ctx context.Context) error {
		all, err := q.Client().Devices(ctx)
		if err != nil {
			return err
		}
		answer := Devices{Event: "devices", Items: make([]Device, 0, len(all))}
		for _, d := range all {
			answer.Items = append(answer.Items, deviceOf(d))
		}
		q.Emit(answer)
		return nil
	})
}

func deviceOf(d client.Device) Device {
	how := "password"
	if d.Token {
		how = "token"
	}
	return Device{ID: d.ID, Name: d.Name, Client: d.Software, LastSeen: moment(d.Last), Address: d.Address, Current: d.Current, Online: d.Online, How: how}
}

// moment writes a time of the server's, "" for none.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// SignOut ends a device's access to the account.
type SignOut struct {
	Head
	ID string `json:"id"` // of the device
}

func doSignOut(ctx context.Context, q *Call, c SignOut) error {
	if c.ID == "" {
		return bad("id is missing: that of a device")
	}
	return q.Go(ctx, func(ctx context.Context) error { return q.Client().SignOut(ctx, c.ID) })
}

// SignOutSelf ends this device's access, forgets its token, and ends the client.
type SignOutSelf struct{ Head }

func doSignOutSelf(ctx context.Context, q *Call, _ SignOutSelf) error {
	return q.Go(ctx, func(ctx context.Context) error { return q.Client().SignOutSelf(ctx) })
}

// SetPassword changes the account's password. Old, the one until now, is needed when this
// device came in by a token.
type SetPassword struct {
	Head
	New string `json:"new"`
	Old string `json:"old,omitempty"`
}

func doPassword(ctx context.Context, q *Call, c SetPassword) error {
	if c.New == "" {
		return bad("new is missing: the new password")
	}
	return q.Go(ctx, func(ctx context.Context) error { return q.Client().ChangePassword(ctx, c.Old, c.New) })
}

// MakeInvite makes an invitation.
type MakeInvite struct {
	Head
	Kind string `json:"kind,omitempty"` // contact (the default), account
}

func doInvite(ctx context.Context, q *Call, c MakeInvite) error {
	kind := client.InvitationKind(c.Kind)
	if kind == "" {
		kind = client.InviteContact
	}
	return q.Go(ctx, func(ctx context.Context) error {
		i, err := q.Client().Invite(ctx, kind)
		if err != nil {
			return err
		}
		q.Emit(Invite{Event: "invite", URI: i.URI, URL: i.URL, Expires: moment(i.Expires)})
		return nil
	})
}

// UseInvite becomes a contact of whoever made an invitation.
type UseInvite struct {
	Head
	URI string `json:"uri"` // xmpp:…
}

func doUseInvite(ctx context.Context, q *Call, c UseInvite) error {
	_, err := q.Client().UseInvitation(ctx, c.URI)
	if errors.Is(err, client.ErrInvalid) {
		return bad("uri is no invitation to become a contact, which looks like xmpp:alice@example.org?roster;preauth=…")
	}
	return err
}
