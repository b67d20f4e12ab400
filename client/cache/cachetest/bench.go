package cachetest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"godwit/client/cache"
	"godwit/jid"
)

// Sizes of the history that Bench measures with.
const (
	BenchMessages = 100_000
	BenchChats    = 2_000
)

// Bench measures a cache with BenchMessages messages in BenchChats chats.
func Bench(b *testing.B, open func(b *testing.B) cache.Cache) {
	s := open(b)
	defer s.Close()
	ctx := context.Background()
	fill(b, s)
	chat := benchChat(7)
	after := start.Add(BenchMessages * time.Second)
	n := 0
	one := func(b *testing.B, batch func(id string) cache.Batch) {
		free := make(chan struct{}, 64)
		for b.Loop() {
			n++
			free <- struct{}{}
			if err := s.Commit(batch(fmt.Sprint("n", n)), func(_ cache.Result, err error) {
				if err != nil {
					b.Error(err)
				}
				<-free
			}); err != nil {
				b.Fatal(err)
			}
		}
		for range cap(free) {
			free <- struct{}{}
		}
	}
	b.Run("receive", func(b *testing.B) {
		one(b, func(id string) cache.Batch { return cache.Batch{Add: []cache.Message{said(n%BenchChats, id, after)}} })
	})
	b.Run("send", func(b *testing.B) {
		one(b, func(id string) cache.Batch {
			m := cache.Message{Chat: chat, Sender: alice, OriginID: id, Direction: cache.Out, State: cache.StateQueued, Time: after, Body: "ok", Stanza: []byte("<m/>")}
			return cache.Batch{Add: []cache.Message{m}, Enqueue: []cache.OutboxRecord{{Chat: chat, OriginID: id, Created: after, Stanza: m.Stanza}}}
		})
	})
	b.Run("edit", func(b *testing.B) {
		one(b, func(id string) cache.Batch {
			m := said(7, id, after)
			m.Kind, m.Target = cache.KindEdit, "o7"
			return cache.Batch{Add: []cache.Message{m}}
		})
	})
	measure := func(name string, f func() error) {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := f(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	measure("chats", func() error { _, err := s.Chats(ctx, 0); return err })
	measure("chat", func() error { _, err := s.Chat(ctx, chat); return err })
	measure("page", func() error { _, _, err := s.Messages(ctx, cache.HistoryQuery{Chat: chat, Max: 50}); return err })
	measure("read", func() error {
		_, err := cache.Write(ctx, s, cache.Batch{Read: []cache.Reading{{Chat: chat}}})
		return err
	})
	for name, q := range map[string]cache.SearchQuery{
		"common":  {Text: "天气", Max: 50},
		"rare":    {Text: "罕见", Max: 50},
		"nothing": {Text: "找不到", Max: 50},
		"in chat": {Text: "罕见", Chat: chat, Max: 50},
		"words":   {Text: "天气 message 99", Max: 50},
	} {
		measure("search "+name, func() error { _, _, err := s.Search(ctx, q); return err })
	}
}

func benchChat(i int) jid.JID { return jid.MustParse(fmt.Sprintf("contact%d@example.org", i)) }

func said(chat int, id string, at time.Time) cache.Message {
	c := benchChat(chat)
	return cache.Message{Chat: c, Sender: c, OriginID: id, Direction: cache.In, State: cache.StateReceived, Time: at,
		Body: "今天天气很好，我们去公园散步吧。 This is message " + id + " of somebody", Stanza: []byte(strings.Repeat("x", 400))}
}

func fill(b *testing.B, s cache.Cache) {
	for i := 0; i < BenchMessages; {
		var batch cache.Batch
		for ; len(batch.Add) < 1000; i++ {
			m := said(i%BenchChats, fmt.Sprint("o", i), start.Add(time.Duration(i)*time.Second))
			if i == 7 || i == 50_000 {
				m.Body = "罕见 rare"
			}
			batch.Add = append(batch.Add, m)
		}
		if _, err := cache.Write(context.Background(), s, batch); err != nil {
			b.Fatal(err)
		}
	}
}
