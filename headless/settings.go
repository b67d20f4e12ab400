package headless

import (
	"context"

	"godwit/client/cache"
	"godwit/jid"
)

// settingCommands are about what the user chose.
var settingCommands = []entry{
	on("set", doSet),
	on("settings", doSettings),
}

// Set keeps a setting. It is answered by a "setting" event.
type Set struct {
	Head
	// Name is share-address, deposit, route, receipts, typing, mute, notify-online, draft,
	// or one that begins with "ui." and means nothing to the client.
	Name  string `json:"name"`
	Value string `json:"value"`          // at most 4 KiB; empty takes the choice back
	With  string `json:"with,omitempty"` // the chat it is for; else the account's
}

// AskSettings asks what was chosen.
type AskSettings struct {
	Head
	With string `json:"with,omitempty"` // one chat; else everything
}

func doSet(ctx context.Context, q *Call, c Set) error {
	with, err := chatOf(c.With)
	if err != nil {
		return err
	}
	return q.Client().Set(ctx, with, c.Name, c.Value)
}

func doSettings(ctx context.Context, q *Call, c AskSettings) error {
	with, err := chatOf(c.With)
	if err != nil {
		return err
	}
	all, err := q.Client().Settings(ctx, with)
	if err != nil {
		return err
	}
	answer := Settings{Event: "settings", Items: make([]Choice, 0, len(all))}
	for i := range all {
		answer.Items = append(answer.Items, choiceOf(&all[i]))
	}
	q.Emit(answer)
	return nil
}

// chatOf reads the address of a chat; "" is the zero one.
func chatOf(with string) (jid.JID, error) {
	if with == "" {
		return jid.JID{}, nil
	}
	j, err := address("with", with)
	return j.Bare(), err
}

func choiceOf(s *cache.SettingRecord) Choice {
	c := Choice{Name: s.Name, Value: s.Value}
	if !s.Chat.IsZero() {
		c.With = s.Chat.String()
	}
	return c
}
