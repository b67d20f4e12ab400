package cache

import (
	"slices"
	"time"

	"godwit/jid"
)

// The checks here are shared by all implementations, so that they refuse the same things in the same words.

// Bounds of single fields, in bytes.
const (
	maxID     = 1 << 10
	maxText   = 64 << 10 // of an error or a roster name
	maxStanza = 1 << 20
)

// Stamp brings a time into the form it is kept in: UTC, whole microseconds.
func Stamp(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

// Check returns ErrInvalid or ErrLimit for a batch that can never be stored.
func (b *Batch) Check() error {
	n := len(b.Add) + len(b.Enqueue) + len(b.Progress) + len(b.Deposit) + len(b.Deposited) + len(b.Positions) + len(b.Records)
	if n += len(b.Read) + len(b.Forget); n > MaxBatchEntries {
		return limit("%d entries in one batch, %d allowed", n, MaxBatchEntries)
	}
	if n := b.Bytes(); n > MaxBatchBytes {
		return limit("%d bytes in one batch, %d allowed", n, MaxBatchBytes)
	}
	for i := range b.Add {
		if err := b.Add[i].check(); err != nil {
			return err
		}
	}
	for i := range b.Enqueue {
		if err := b.checkEnqueue(i); err != nil {
			return err
		}
	}
	for i := range b.Progress {
		if err := b.Progress[i].check(); err != nil {
			return err
		}
	}
	for i := range b.Deposit {
		d := &b.Deposit[i]
		if !d.Sender.IsBare() || d.OriginID == "" || len(d.OriginID) > maxID || len(d.Stanza) == 0 || d.Time.IsZero() || d.Direction != In && d.Direction != Out {
			return invalid("a deposit needs sender, origin-id, direction, time and stanza")
		}
	}
	for i := range b.Positions {
		if p := &b.Positions[i]; !p.Archive.IsBare() || len(p.Last) > maxID {
			return invalid("position in archive %q", p.Archive)
		}
	}
	for i := range b.Read {
		if !b.Read[i].Chat.IsBare() {
			return invalid("chat %q is not a bare address", b.Read[i].Chat)
		}
	}
	for i := range b.Records {
		if r := &b.Records[i]; r.Name == "" || len(r.Name) > MaxNameBytes || len(r.Value) > MaxRecordBytes {
			return invalid("record %q of %d bytes", r.Name, len(r.Value))
		}
	}
	return nil
}

// Bytes is what a batch holds.
func (b *Batch) Bytes() int {
	n := 0
	for i := range b.Add {
		n += len(b.Add[i].Stanza) + len(b.Add[i].Body) + len(b.Add[i].Quote)
	}
	for i := range b.Enqueue {
		n += len(b.Enqueue[i].Stanza)
	}
	for i := range b.Deposit {
		n += len(b.Deposit[i].Stanza)
	}
	for i := range b.Records {
		n += len(b.Records[i].Value)
	}
	return n
}

func (m *Message) check() error {
	switch {
	case !m.Chat.IsBare() || !m.Sender.IsBare():
		return invalid("a message needs bare addresses of chat and sender, not %q and %q", m.Chat, m.Sender)
	case m.Direction != In && m.Direction != Out:
		return invalid("direction %d", m.Direction)
	case m.State < StateQueued || m.State > StateRead || (m.State == StateReceived) != (m.Direction == In):
		return invalid("state %d of a message with direction %d", m.State, m.Direction)
	case m.Time.IsZero():
		return invalid("a message needs a time")
	case m.Archive.IsZero() != (m.StanzaID == ""):
		return invalid("archive and stanza-id go together")
	case !m.Archive.IsZero() && !m.Archive.IsBare():
		return invalid("archive %q is not a bare address", m.Archive)
	case len(m.OriginID) > maxID || len(m.StanzaID) > maxID || len(m.Name) > maxID || len(m.Target) > maxID || len(m.ReplyTo) > maxID:
		return limit("an id of more than %d bytes", maxID)
	case m.Kind > KindRetraction || (m.Kind == KindText) != (m.Target == ""):
		return invalid("kind %d and target go together", m.Kind)
	case !m.ReplyFrom.IsZero() && !m.ReplyFrom.IsBare():
		return invalid("author %q of what is answered is not a bare address", m.ReplyFrom)
	case !m.Edited.IsZero() || !m.Retracted.IsZero() || m.Original != "":
		return invalid("edits and retractions are messages of their own")
	case len(m.Stanza) > maxStanza || len(m.Error) > maxText:
		return limit("a stanza of %d bytes, %d allowed", len(m.Stanza), maxStanza)
	}
	return nil
}

func (b *Batch) checkEnqueue(i int) error {
	r := &b.Enqueue[i]
	if !r.Chat.IsBare() || r.OriginID == "" || r.Created.IsZero() || len(r.Stanza) == 0 || len(r.Stanza) > maxStanza {
		return invalid("an outbox record needs a bare chat address, an origin-id, a time and a stanza")
	}
	if !slices.ContainsFunc(b.Add, func(m Message) bool { return m.OriginID == r.OriginID && m.Direction == Out }) {
		return invalid("the outbox record %q has no message beside it", r.OriginID)
	}
	for _, o := range b.Enqueue[:i] {
		if o.OriginID == r.OriginID {
			return invalid("the outbox record %q is there twice", r.OriginID)
		}
	}
	return nil
}

func (p *Progress) check() error {
	switch {
	case !p.Sender.IsBare() || p.OriginID == "":
		return invalid("progress of a message without sender or origin-id")
	case p.State < StateQueued || p.State > StateDelivered:
		return invalid("state %d of an outgoing message", p.State)
	case p.Archive.IsZero() != (p.StanzaID == ""), !p.Archive.IsZero() && !p.Archive.IsBare():
		return invalid("archive and stanza-id go together")
	case len(p.Error) > maxText || len(p.StanzaID) > maxID:
		return limit("too long")
	}
	return nil
}

// Check returns ErrInvalid for a question that makes no sense, and otherwise the question with Max in bounds.
func (q HistoryQuery) Check() (HistoryQuery, error) {
	if !q.Chat.IsZero() && !q.Chat.IsBare() {
		return q, invalid("chat %q is not a bare address", q.Chat)
	}
	if q.Max < 0 {
		return q, invalid("negative number of messages")
	}
	if q.Max == 0 || q.Max > MaxHistoryPage {
		q.Max = MaxHistoryPage
	}
	q.Before.Time, q.After.Time = Stamp(q.Before.Time), Stamp(q.After.Time)
	return q, nil
}

// CheckItem returns ErrInvalid for a contact that cannot be kept.
func CheckItem(it RosterItem) error {
	switch it.Subscription {
	case "none", "to", "from", "both":
	default:
		return invalid("subscription %q", it.Subscription)
	}
	if !it.JID.IsBare() {
		return invalid("contact %q is not a bare address", it.JID)
	}
	if len(it.Name) > maxText {
		return limit("a name of %d bytes", len(it.Name))
	}
	return nil
}

// CheckItems returns ErrLimit or ErrInvalid for a contact list that cannot be kept.
func CheckItems(items []RosterItem) error {
	if len(items) > MaxRosterItems {
		return limit("%d contacts, %d allowed", len(items), MaxRosterItems)
	}
	seen := make(map[jid.JID]bool, len(items))
	for _, it := range items {
		if err := CheckItem(it); err != nil {
			return err
		}
		if seen[it.JID] {
			return invalid("contact %q is there twice", it.JID)
		}
		seen[it.JID] = true
	}
	return nil
}

// CheckSetting returns ErrInvalid or ErrLimit for a setting that cannot be kept.
func CheckSetting(chat jid.JID, name, value string) error {
	switch {
	case !chat.IsZero() && !chat.IsBare():
		return invalid("chat %q is not a bare address", chat)
	case name == "" || len(name) > MaxNameBytes:
		return invalid("setting %q", name)
	case len(value) > MaxSettingBytes:
		return limit("a setting of %d bytes", len(value))
	}
	return nil
}
