package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"godwit/client/cache"
	"godwit/client/path"
	"godwit/jid"
)

// choices are what the user chose and the cache keeps.
type choices struct {
	route   path.Route             // of chats without a choice of their own
	routes  map[jid.JID]path.Route // by bare address
	share   Share
	told    map[choice]bool // what others are told, where that was chosen
	deposit bool
	device  string // UUID of this installation (XEP-0388 §2.3)
}

func (c *choices) init(cfg Config) {
	c.route, c.share, c.deposit = cfg.Route, cfg.Share, !cfg.NoDeposit
	c.routes, c.told = map[jid.JID]path.Route{}, map[choice]bool{}
}

// recordDevice is where the installation's id is kept.
const recordDevice = "device"

// load reads them. What cannot be understood is as if it had not been chosen.
func (c *choices) load(ctx context.Context, s cache.Cache) error {
	routes, err := s.SettingsNamed(ctx, cache.SettingRoute)
	if err != nil {
		return err
	}
	for j, v := range routes {
		switch r := path.Route(v); {
		case !r.Valid():
		case j.IsZero():
			c.route = r
		default:
			c.routes[j] = r
		}
	}
	share, err := s.Setting(ctx, jid.JID{}, cache.SettingShare)
	if err != nil {
		return err
	}
	if Share(share).Valid() {
		c.share = Share(share)
	}
	deposit, err := s.Setting(ctx, jid.JID{}, cache.SettingDeposit)
	if err != nil {
		return err
	}
	if deposit != "" {
		c.deposit = deposit == "on"
	}
	if err := c.loadTold(ctx, s); err != nil {
		return err
	}
	return c.loadDevice(ctx, s)
}

func (c *choices) loadDevice(ctx context.Context, s cache.Cache) error {
	id, err := s.Record(ctx, recordDevice)
	if err == nil && len(id) == 36 {
		c.device = string(id)
		return nil
	}
	if err != nil && !errors.Is(err, cache.ErrNotFound) {
		return err
	}
	c.device = newUUID()
	_, err = cache.Write(ctx, s, cache.Batch{Records: []cache.Record{{Name: recordDevice, Value: []byte(c.device)}}})
	return err
}

// newUUID makes a random UUID (RFC 9562 §5.4).
func newUUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// routeOf is the route of a chat.
func (c *choices) routeOf(chat jid.JID) path.Route {
	if r, ok := c.routes[chat]; ok {
		return r
	}
	return c.route
}

// keepSetting keeps a choice in the cache, without holding anything up.
func (k *core) keepSetting(chat jid.JID, name, value string, done func(error)) {
	k.disk.do(func() {
		err := k.cfg.Cache.SetSetting(context.Background(), chat, name, value)
		k.box.put(func() { done(err) })
	})
}
