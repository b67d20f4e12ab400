package route

import "godwit/stanza"

// Target is what the address of a stanza and the state of the account it names amount to at one moment.
type Target struct {
	// Exists tells whether there is such an account.
	Exists bool
	// Full tells whether the address has a resourcepart.
	Full bool
	// Match tells whether a connected resource has exactly that resourcepart. It says nothing unless Full.
	Match bool
	// Reachable is the number of available resources with a priority of zero or more.
	Reachable int
}

// Action is what to do with a stanza.
type Action uint8

const (
	// Ignore drops the stanza: the rules ask for silence.
	Ignore Action = iota
	// ToMatch delivers to the one resource the address names.
	ToMatch
	// ToReachable delivers to every available resource of non-negative priority.
	ToReachable
	// ToAvailable delivers to every available resource, whatever its priority.
	ToAvailable
	// Keep stores the message for the account's next sign-in (XEP-0160).
	Keep
	// Refuse answers with service-unavailable.
	Refuse
	// ToServer lets the server answer on the account's behalf.
	ToServer
	// ToSubscription hands the stanza to the subscription state machine.
	ToSubscription
)

var actionNames = [...]string{"ignore", "to the match", "to all reachable", "to all available", "keep", "refuse", "to the server", "to the subscription machine"}

// String names the action for logs and tests.
func (a Action) String() string {
	if int(a) < len(actionNames) {
		return actionNames[a]
	}
	return "unknown"
}

// Message applies RFC 6121 §8.5 to a message of the given type. Where the RFC leaves a choice between silence and an error, the sender is
// told, so that nothing is lost silently; where it leaves a choice of resources, all reachable ones get the message.
func Message(messageType string, t Target) Action {
	if messageType == stanza.ErrorType {
		// An error goes only where it was addressed, and never causes another stanza (§8.5.2.1.1, RFC 6120 §8.3.1).
		if t.Exists && t.Full && t.Match {
			return ToMatch
		}
		return Ignore
	}
	if !t.Exists { // §8.5.1
		if messageType == stanza.Headline && !t.Full {
			return Ignore
		}
		return Refuse
	}
	if t.Full {
		if t.Match { // §8.5.3.1: whatever the priority
			return ToMatch
		}
		if messageType != stanza.Chat { // §8.5.3.2.1
			return Refuse
		}
		// A chat message to a resource that left is treated as if addressed to the bare JID.
	}
	switch messageType {
	case stanza.Groupchat: // §8.5.2.1.1: a room never writes to a bare JID
		return Refuse
	case stanza.Headline:
		if t.Reachable == 0 { // §8.5.2.2.1: headlines are about now
			return Ignore
		}
		return ToReachable
	}
	if t.Reachable == 0 {
		return Keep
	}
	return ToReachable
}

// Presence applies RFC 6121 §8.5 to a presence of the given type.
func Presence(presenceType string, t Target) Action {
	switch presenceType {
	case stanza.Subscribe, stanza.Subscribed, stanza.Unsubscribe, stanza.Unsubscribed:
		// §3: subscriptions belong to the account, whatever resource the address names.
		if !t.Exists {
			return Ignore
		}
		return ToSubscription
	case stanza.Probe:
		// §4.3.2: answered by the server.
		return ToServer
	}
	switch {
	case !t.Exists:
		return Ignore
	case t.Full && t.Match:
		return ToMatch
	case t.Full: // §8.5.3.2.2
		return Ignore
	case presenceType == stanza.ErrorType:
		return Ignore
	}
	return ToAvailable
}

// IQ applies RFC 6121 §8.5 to an IQ of the given type. An IQ that asks for something always gets an answer; an answer goes only to the
// resource that asked.
func IQ(iqType string, t Target) Action {
	request := iqType == stanza.Get || iqType == stanza.Set
	switch {
	case t.Exists && t.Full && t.Match:
		return ToMatch
	case !request:
		return Ignore
	case t.Exists && !t.Full: // §8.5.2.1.3
		return ToServer
	}
	return Refuse // §8.5.1, §8.5.3.2.3
}
