package sqlite

import (
	"encoding/json"
	"fmt"
	"time"

	"godwit/client/cache"
	"godwit/jid"
	"godwit/store/sqlitedb"
)

func micros(t time.Time) int64 { return cache.Stamp(t).UnixMicro() }

func fromMicros(us int64) time.Time { return time.UnixMicro(us).UTC() }

// address reads an address back; "" is the zero one. One that does not parse was not written by us.
func address(s string) (jid.JID, error) {
	if s == "" {
		return jid.JID{}, nil
	}
	j, err := jid.Parse(s)
	if err != nil {
		return jid.JID{}, fmt.Errorf("%w: stored address %q: %w", cache.ErrCorrupt, s, err)
	}
	return j, nil
}

// addresses reads several back.
func addresses(in []string, out ...*jid.JID) (err error) {
	for i := range in {
		if *out[i], err = address(in[i]); err != nil {
			return err
		}
	}
	return nil
}

func groupsToText(groups []string) (string, error) {
	if len(groups) == 0 {
		return "[]", nil
	}
	b, err := json.Marshal(groups)
	return string(b), err
}

func groupsFromText(s string) (groups []string, err error) {
	if s == "[]" {
		return nil, nil
	}
	if err := json.Unmarshal([]byte(s), &groups); err != nil {
		return nil, fmt.Errorf("%w: stored groups %q: %w", cache.ErrCorrupt, s, err)
	}
	return groups, nil
}

// blob makes sure that no bytes are stored as no bytes, not as NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

const (
	messageColumns = `m.id, m.chat, m.sender, m.author, m.origin, m.archive, m.stanza_id, m.direction, m.state, m.route, m.time, m.body, m.stanza, m.error,
		m.name, m.kind, m.target, m.reply_to, m.reply_from, m.quote, m.edited, m.original, m.retracted`
	// listedColumns are the same without the stanza.
	listedColumns = `m.id, m.chat, m.sender, m.author, m.origin, m.archive, m.stanza_id, m.direction, m.state, m.route, m.time, m.body, x'', m.error,
		m.name, m.kind, m.target, m.reply_to, m.reply_from, m.quote, m.edited, m.original, m.retracted`
)

func scanMessage(row sqlitedb.Scanner) (cache.Message, error) { return scanAfter(row) }

// scanAfter reads a message that stands behind other columns.
func scanAfter(row sqlitedb.Scanner, before ...any) (m cache.Message, err error) {
	var chat, sender, author, archive, replyFrom string
	var at, edited, retracted int64
	if err := row.Scan(append(before, &m.ID, &chat, &sender, &author, &m.OriginID, &archive, &m.StanzaID, &m.Direction, &m.State, &m.Route, &at,
		&m.Body, &m.Stanza, &m.Error, &m.Name, &m.Kind, &m.Target, &m.ReplyTo, &replyFrom, &m.Quote, &edited, &m.Original, &retracted)...); err != nil {
		return m, err
	}
	m.Time, m.Edited, m.Retracted = fromMicros(at), maybe(edited), maybe(retracted)
	if len(m.Stanza) == 0 {
		m.Stanza = nil
	}
	return m, addresses([]string{chat, sender, author, archive, replyFrom}, &m.Chat, &m.Sender, &m.From, &m.Archive, &m.ReplyFrom)
}

// maybe reads a time that may be missing.
func maybe(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return fromMicros(us)
}

// orZero is its inverse.
func orZero(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return micros(t)
}

// oneMessage returns the message that where finds.
func oneMessage(q sqlitedb.Queryer, where string, args ...any) (m cache.Message, found bool, err error) {
	err = q.Each(`SELECT `+messageColumns+` FROM message m WHERE `+where, args, func(row sqlitedb.Scanner) (err error) {
		found = true
		m, err = scanMessage(row)
		return err
	})
	return m, found, err
}
