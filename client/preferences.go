package client

import (
	"context"
	"fmt"
	"strings"

	"godwit/client/cache"
	"godwit/client/path"
	"godwit/jid"
	"godwit/xmlstream"
)

// uiPrefix begins the names of settings that mean nothing to the client.
const uiPrefix = "ui."

// hiddenPrefix begins the names of what is kept like a setting and is none.
const hiddenPrefix = "."

// setting describes one that can be chosen.
type setting struct {
	account, chat bool     // where
	values        []string // nil: any text
}

var onOff = []string{"on", "off"}

// choosable are those there are, beside the free ones.
var choosable = map[string]setting{
	cache.SettingRoute:    {true, true, []string{"auto", "direct", "server"}},
	cache.SettingShare:    {true, false, []string{"contacts", "chats", "never"}},
	cache.SettingDeposit:  {true, false, onOff},
	cache.SettingReceipts: {true, true, onOff},
	cache.SettingTyping:   {true, true, onOff},
	cache.SettingMute:     {false, true, onOff},
	cache.SettingNotify:   {true, true, []string{"on", "off", "favourites"}},
	cache.SettingDraft:    {false, true, nil},
}

// checkSetting tells whether a value may be chosen.
func checkSetting(chat jid.JID, name, value string) error {
	s, ok := choosable[name]
	if !ok && strings.HasPrefix(name, uiPrefix) {
		s, ok = setting{true, true, nil}, true
	}
	switch {
	case !ok || len(name) > cache.MaxNameBytes:
		return fmt.Errorf("%w: there is no setting %.64q", ErrInvalid, name)
	case chat.IsZero() && !s.account:
		return fmt.Errorf("%w: the setting %s is one of a chat", ErrInvalid, name)
	case !chat.IsZero() && !s.chat:
		return fmt.Errorf("%w: the setting %s is one of the account", ErrInvalid, name)
	case len(value) > cache.MaxSettingBytes:
		return fmt.Errorf("%w: a setting has at most %d bytes", ErrInvalid, cache.MaxSettingBytes)
	case !xmlstream.ValidText(name):
		return fmt.Errorf("%w: the name of the setting holds characters that it cannot", ErrInvalid)
	case value == "" || s.values == nil:
		return nil
	}
	for _, v := range s.values {
		if v == value {
			return nil
		}
	}
	return fmt.Errorf("%w: the setting %s has the values %s", ErrInvalid, name, strings.Join(s.values, ", "))
}

// Set keeps a setting of a chat, or with the zero address of the account; "" takes the choice
// back. Names and values are those of package cache, and any that begins with "ui.", which
// mean nothing to the client. SettingChanged tells it.
func (c *Client) Set(ctx context.Context, chat jid.JID, name, value string) error {
	chat = chat.Bare()
	if err := checkSetting(chat, name, value); err != nil {
		return err
	}
	return c.ask(ctx, func(k *core, done func(error)) {
		k.takeSetting(chat, name, value)
		k.keepSetting(chat, name, value, k.chosen(chat, name, value, done))
	})
}

// chosen gives a done that tells of a choice that was kept.
func (k *core) chosen(chat jid.JID, name, value string, done func(error)) func(error) {
	return func(err error) {
		if err == nil {
			k.emit(SettingChanged{cache.SettingRecord{Chat: chat, Name: name, Value: value}})
			if name == cache.SettingMute || name == cache.SettingDraft {
				k.chatChanged(chat)
			}
		}
		done(err)
	}
}

// takeSetting lets a choice take effect. It has been checked.
func (k *core) takeSetting(chat jid.JID, name, value string) {
	switch name {
	case cache.SettingRoute:
		r := path.Route(value)
		if r == "" && chat.IsZero() {
			r = k.cfg.Route
		}
		k.setRoute(chat, r)
	case cache.SettingShare:
		s := Share(value)
		if s == "" {
			s = k.cfg.Share
		}
		k.setShare(s)
	case cache.SettingDeposit:
		k.choices.deposit = value == "on" || value == "" && !k.cfg.NoDeposit
	case cache.SettingReceipts, cache.SettingTyping:
		k.choices.choose(chat, name, value)
		if name == cache.SettingTyping && value == "off" {
			k.stopTyping(chat)
		}
	}
}

// Settings returns what was chosen: of one chat, or with the zero address everything.
func (c *Client) Settings(ctx context.Context, chat jid.JID) ([]cache.SettingRecord, error) {
	all, err := c.core.cfg.Cache.AllSettings(ctx)
	chat = chat.Bare()
	kept := all[:0]
	for _, s := range all {
		if !strings.HasPrefix(s.Name, hiddenPrefix) && (chat.IsZero() || s.Chat == chat) {
			kept = append(kept, s)
		}
	}
	return kept, err
}

// tells reports whether others are told something: what was read, or that the user types.
// What was chosen for the chat counts, else what was for the account; else they are.
func (c *choices) tells(chat jid.JID, name string) bool {
	for _, of := range []jid.JID{chat, {}} {
		if v, ok := c.told[choice{of, name}]; ok {
			return v
		}
	}
	return true
}

// choice names a setting of a chat, or of the account.
type choice struct {
	chat jid.JID
	name string
}

func (c *choices) choose(chat jid.JID, name, value string) {
	if value == "" {
		delete(c.told, choice{chat, name})
		return
	}
	c.told[choice{chat, name}] = value == "on"
}

// loadTold reads which others are told what.
func (c *choices) loadTold(ctx context.Context, s cache.Cache) error {
	for _, name := range []string{cache.SettingReceipts, cache.SettingTyping} {
		all, err := s.SettingsNamed(ctx, name)
		if err != nil {
			return err
		}
		for chat, value := range all {
			c.choose(chat, name, value)
		}
	}
	return nil
}
