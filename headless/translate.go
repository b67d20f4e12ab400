package headless

import (
	"context"
	"net/netip"
	"time"

	"godwit/client"
	"godwit/client/cache"
)

// translate gives the line for an event, with words of a language, or nil where the
// contract has none.
func (e *Engine) translate(ev client.Event) any {
	ctx := context.Background() // what is read here is cached
	switch ev := ev.(type) {
	case client.Online:
		return Online{Event: "online", JID: ev.JID.String(), Address: endpoint(ev.Local), Server: endpoint(ev.Remote), Transport: string(ev.Kind),
			TLS: ev.TLS.Version, Mechanism: string(ev.Mechanism), Resumed: ev.Resumed}
	case client.Offline:
		o := Offline{Event: "offline", Final: ev.Final, Code: client.Code(ev.Err)}
		if ev.Err != nil {
			o.Message = ev.Err.Error()
		}
		if !ev.Retry.IsZero() {
			o.Retry = max(1, time.Until(ev.Retry).Milliseconds())
		}
		return o
	case client.RosterLoaded:
		return rosterEvent(ev.Contacts)
	case client.ContactChanged:
		c := Contact{Event: "contact", Item: item(&ev.Contact)}
		if ev.Removed {
			c.Subscription = "remove"
		}
		return c
	case client.PresenceChanged:
		return Presence{Event: "presence", From: ev.From.String(), Available: ev.Available, Show: string(ev.Show), Status: ev.Status,
			Client: ev.Client, Direct: ev.Direct, Reach: reachOf(ev.Reach)}
	case client.SubscriptionAsked:
		return Subscription{Event: "subscription", From: ev.From.String(), Status: ev.Status}
	case client.BlocksChanged:
		return blockedEvent(ev.Blocked)
	case client.Sent:
		return Progress{Event: "sent", ID: ev.ID, To: ev.To.String(), Path: string(ev.Path)}
	case client.Delivered:
		return Progress{Event: "delivered", ID: ev.ID, To: ev.To.String(), Path: string(ev.Path)}
	case client.Failed:
		return Error{Event: "error", Cmd: "send", ID: ev.ID, Message: ev.Reason, Code: ev.Code}
	case client.Message:
		return e.message(ctx, "message", &ev)
	case client.Queued:
		tag, ok := e.recall(ev.ID)
		if !ok {
			return nil
		}
		return tagged(e.message(ctx, "message", &ev.Message), tag)
	case client.Changed:
		tag, _ := e.recall(ev.By)
		return tagged(e.message(ctx, "changed", &ev.Message), tag)
	case client.Removed:
		return Removed{Event: "removed", Chat: ev.Chat.String(), ID: ev.ID, Instead: ev.Instead}
	case client.ChatChanged:
		return ChatChanged{Event: "chat", Chat: e.chat(ctx, &ev.ChatInfo)}
	case client.ReadChanged:
		by := "self"
		if ev.By == client.ReadOther {
			by = "peer"
		}
		return Read{Event: "read", With: ev.Chat.String(), ID: ev.ID, By: by, Time: stamp(ev.Time)}
	case client.ChatState:
		return Typing{Event: "typing", From: ev.From.String(), Chat: ev.From.Bare().String(), State: string(ev.State)}
	case client.SettingChanged:
		return Setting{Event: "setting", Choice: choiceOf(&ev.SettingRecord)}
	case client.LinkChanged:
		return linkEvent(ev, e.lang)
	case client.Problem:
		return Error{Event: "error", Message: ev.Err.Error(), Code: client.Code(ev.Err)}
	}
	return nil
}

func linkEvent(e client.LinkChanged, lang client.Lang) Link {
	l := Link{Event: "link", Peer: e.Peer.String(), State: string(e.State), Path: string(e.Path), Local: endpoint(e.Local),
		Remote: endpoint(e.Remote), RTT: float64(e.RTT.Microseconds()) / 1000, Trusted: e.Trusted, Reason: e.Reason,
		Relay: endpoint(e.Relay), RelayProtocol: e.RelayProtocol, Why: string(e.Why), Words: e.Text(lang), Failure: e.Failure}
	if n := (Nat{reachOf(e.Own), reachOf(e.Other)}); n.Self != nil || n.Peer != nil {
		l.Nat = &n
	}
	for _, h := range e.Help {
		l.Help = append(l.Help, Help{string(h.Who), string(h.What), h.Text(lang)})
	}
	if !e.NextTry.IsZero() {
		l.Next = max(1, time.Until(e.NextTry).Milliseconds())
	}
	return l
}

var states = map[cache.State]string{
	cache.StateQueued: "queued", cache.StateSent: "sent", cache.StateFailed: "failed", cache.StateDelivered: "delivered",
	cache.StateReceived: "received", cache.StateRead: "read",
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func endpoint(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}
