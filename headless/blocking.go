package headless

import (
	"context"

	"godwit/jid"
)

// blockingCommands are about who is blocked (XEP-0191).
var blockingCommands = []entry{
	on("block", doBlock),
	on("unblock", doUnblock),
	on("blocked", doBlocked),
}

// Block refuses everything from an address.
type Block struct {
	Head
	JID string `json:"jid"`
}

// Unblock lets an address through again.
type Unblock struct {
	Head
	JID string `json:"jid"`
}

// AskBlocked asks who is blocked.
type AskBlocked struct{ Head }

func doBlock(ctx context.Context, q *Call, c Block) error {
	j, err := address("jid", c.JID)
	if err != nil {
		return err
	}
	return q.Go(ctx, func(ctx context.Context) error { return q.Client().Block(ctx, j) })
}

func doUnblock(ctx context.Context, q *Call, c Unblock) error {
	j, err := address("jid", c.JID)
	if err != nil {
		return err
	}
	return q.Go(ctx, func(ctx context.Context) error { return q.Client().Unblock(ctx, j) })
}

func doBlocked(ctx context.Context, q *Call, _ AskBlocked) error {
	who, err := q.Client().Blocked(ctx)
	if err == nil {
		q.Emit(blockedEvent(who))
	}
	return err
}

func blockedEvent(who []jid.JID) Blocked {
	items := make([]string, 0, len(who))
	for _, j := range who {
		items = append(items, j.String())
	}
	return Blocked{Event: "blocked", Items: items}
}
