package subscription

import "godwit/stanza"

// State is the subscription state of one contact as seen by one account (RFC 6121 appendix A.1). The nine states of the RFC are the
// combinations of the first four fields that make sense; Approved is the pre-approval of RFC 6121 §3.4. The zero value is "None".
// A State is a value; it can be compared.
type State struct {
	// To means the account receives the contact's presence.
	To bool
	// From means the contact receives the account's presence.
	From bool
	// PendingOut means the account asked and waits for the contact's answer (the roster's ask='subscribe').
	PendingOut bool
	// PendingIn means the contact asked and the account has not answered.
	PendingIn bool
	// Approved means a future request of the contact is granted in advance.
	Approved bool
}

// String names the state the way RFC 6121 appendix A.1 does.
func (s State) String() string {
	name := "None"
	switch {
	case s.To && s.From:
		name = "Both"
	case s.To:
		name = "To"
	case s.From:
		name = "From"
	}
	switch {
	case s.PendingOut && s.PendingIn:
		name += " + Pending Out+In"
	case s.PendingOut:
		name += " + Pending Out"
	case s.PendingIn:
		name += " + Pending In"
	}
	if s.Approved {
		name += " (approved)"
	}
	return name
}

// Subscription is the value of the roster item's subscription attribute (RFC 6121 §2.1.2.5).
func (s State) Subscription() string {
	switch {
	case s.To && s.From:
		return "both"
	case s.To:
		return "to"
	case s.From:
		return "from"
	}
	return "none"
}

// InRoster reports whether the entry is one a client may see. A contact that has merely asked is remembered by the server but is no roster
// item (RFC 6121 §3.1.3).
func (s State) InRoster() bool {
	return s.To || s.From || s.PendingOut || s.Approved
}

// Outcome says what follows from one subscription stanza.
type Outcome struct {
	// Next is the state to store.
	Next State
	// Forward says whether the stanza goes on: outbound to the contact, inbound to the account's interested resources.
	Forward bool
	// Reply is a presence type that the server answers the contact with on the account's behalf, or empty (RFC 6121 §3.1.3).
	Reply string
	// SendPresence says that the contact is newly entitled to the account's current presence (RFC 6121 §3.1.5).
	SendPresence bool
	// SendUnavailable says that the contact just lost that right and is sent unavailable presence (RFC 6121 §3.2.2, §3.3.3).
	SendUnavailable bool
}

// Changed reports whether the state is another one than before.
func (o Outcome) Changed(before State) bool { return o.Next != before }

// Outbound applies a subscription stanza that the account sends to the contact (RFC 6121 appendix A.2). Presence types that have nothing to
// do with subscriptions leave the state alone and are forwarded.
func Outbound(s State, presenceType string) Outcome {
	o := Outcome{Next: s, Forward: true}
	switch presenceType {
	case stanza.Subscribe:
		o.Next.PendingOut = !s.To
	case stanza.Unsubscribe:
		o.Next.PendingOut = false
		o.Next.To = false
	case stanza.Subscribed:
		o.Forward = s.PendingIn
		switch {
		case s.PendingIn:
			o.Next.PendingIn = false
			o.Next.From = true
			o.SendPresence = true
		case !s.From:
			o.Next.Approved = true
		}
	case stanza.Unsubscribed:
		o.Forward = s.PendingIn || s.From
		o.SendUnavailable = s.From
		o.Next.PendingIn = false
		o.Next.From = false
		o.Next.Approved = false
	}
	return o
}

// Inbound applies a subscription stanza that the contact sends to the account (RFC 6121 appendix A.3). Presence types that have nothing to do
// with subscriptions leave the state alone and are not forwarded: they are routed by other rules.
func Inbound(s State, presenceType string) Outcome {
	o := Outcome{Next: s}
	switch presenceType {
	case stanza.Subscribe:
		switch {
		case s.From:
			o.Reply = stanza.Subscribed
		case s.Approved:
			o.Reply = stanza.Subscribed
			o.Next.From = true
			o.Next.PendingIn = false
			o.SendPresence = true
		default:
			o.Forward = !s.PendingIn
			o.Next.PendingIn = true
		}
	case stanza.Unsubscribe:
		o.Forward = s.PendingIn || s.From
		o.SendUnavailable = s.From
		o.Next.PendingIn = false
		o.Next.From = false
	case stanza.Subscribed:
		o.Forward = s.PendingOut
		if s.PendingOut {
			o.Next.PendingOut = false
			o.Next.To = true
		}
	case stanza.Unsubscribed:
		o.Forward = s.PendingOut || s.To
		o.Next.PendingOut = false
		o.Next.To = false
	}
	return o
}

// IsSubscription reports whether a presence type takes part in the state machine.
func IsSubscription(presenceType string) bool {
	switch presenceType {
	case stanza.Subscribe, stanza.Subscribed, stanza.Unsubscribe, stanza.Unsubscribed:
		return true
	}
	return false
}
