package jingle

import (
	"godwit/jid"
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// NS is the namespace of <jingle/> and the feature that announces it.
const NS = "urn:xmpp:jingle:1"

// Bounds on what is read, so that a session costs bounded memory.
const (
	MaxSID      = 256 // bytes
	maxName     = 256 // bytes of a content's name
	maxContents = 16
	maxInfo     = 16 // children that are not <content/> or <reason/>
	maxText     = 1024
)

// Action says what is asked (XEP-0166 §7.2).
type Action string

// The actions.
const (
	ContentAccept    Action = "content-accept"
	ContentAdd       Action = "content-add"
	ContentModify    Action = "content-modify"
	ContentReject    Action = "content-reject"
	ContentRemove    Action = "content-remove"
	DescriptionInfo  Action = "description-info"
	SecurityInfo     Action = "security-info"
	SessionAccept    Action = "session-accept"
	SessionInfo      Action = "session-info"
	SessionInitiate  Action = "session-initiate"
	SessionTerminate Action = "session-terminate"
	TransportAccept  Action = "transport-accept"
	TransportInfo    Action = "transport-info"
	TransportReject  Action = "transport-reject"
	TransportReplace Action = "transport-replace"
)

func (a Action) known() bool {
	switch a {
	case ContentAccept, ContentAdd, ContentModify, ContentReject, ContentRemove, DescriptionInfo,
		SecurityInfo, SessionAccept, SessionInfo, SessionInitiate, SessionTerminate,
		TransportAccept, TransportInfo, TransportReject, TransportReplace:
		return true
	}
	return false
}

// Jingle is the element (XEP-0166 §7.1).
type Jingle struct {
	Action Action
	SID    string
	// Initiator and Responder are hints that may differ from the sender; a
	// malformed one reads as the zero JID, because recipients should ignore
	// what they do not trust.
	Initiator, Responder jid.JID
	Contents             []Content
	Reason               *Reason
	Info                 []xmlstream.Node // payload of session-info and the like
}

// Creator tells which party made a content.
type Creator string

// The creators.
const (
	Initiator Creator = "initiator"
	Responder Creator = "responder"
)

// Content pairs an application with a transport (XEP-0166 §7.3). Absent
// elements are zero nodes.
type Content struct {
	Creator     Creator
	Name        string
	Disposition string // "" means session
	Senders     string // "" means both
	Description xmlstream.Node
	Transport   xmlstream.Node
	Security    xmlstream.Node
}

// Reason tells why an action is taken (XEP-0166 §7.4).
type Reason struct {
	Condition   string // one of the constants below, or one that came later
	Alternative string // session to use instead, with AlternativeSession
	Text        string // for people
}

// Conditions of a Reason that are used here.
const (
	AlternativeSession      = "alternative-session"
	Busy                    = "busy"
	Cancel                  = "cancel"
	ConnectivityError       = "connectivity-error"
	Decline                 = "decline"
	Expired                 = "expired"
	FailedApplication       = "failed-application"
	FailedTransport         = "failed-transport"
	GeneralError            = "general-error"
	Gone                    = "gone"
	IncompatibleParameters  = "incompatible-parameters"
	SecurityError           = "security-error"
	Success                 = "success"
	Timeout                 = "timeout"
	UnsupportedApplications = "unsupported-applications"
	UnsupportedTransports   = "unsupported-transports"
)

// Parse reads <jingle/>.
func Parse(n xmlstream.Node) (Jingle, error) {
	if err := wire.Expect(n, NS, "jingle"); err != nil {
		return Jingle{}, err
	}
	action, err := wire.Required(n, "action")
	if err != nil {
		return Jingle{}, err
	}
	j := Jingle{Action: Action(action)}
	if !j.Action.known() {
		// XEP-0166 §7.2: an unknown action is a bad request.
		return Jingle{}, wire.Bad("unknown action %s", wire.Quote(action))
	}
	if j.SID, err = wire.Bounded(n, "sid", MaxSID); err != nil {
		return Jingle{}, err
	}
	j.Initiator, _ = jid.Parse(n.Attr("initiator"))
	j.Responder, _ = jid.Parse(n.Attr("responder"))
	for c := range n.Elements() {
		if err := j.child(c); err != nil {
			return Jingle{}, err
		}
	}
	return j, nil
}

func (j *Jingle) child(c xmlstream.Node) error {
	switch {
	case c.Name.Space == NS && c.Name.Local == "content":
		if len(j.Contents) == maxContents {
			return wire.NotAcceptable("more than %d contents", maxContents)
		}
		content, err := parseContent(c)
		if err != nil {
			return err
		}
		j.Contents = append(j.Contents, content)
	case c.Name.Space == NS && c.Name.Local == "reason":
		reason := parseReason(c)
		j.Reason = &reason
	default:
		if len(j.Info) == maxInfo {
			return wire.NotAcceptable("more than %d payloads", maxInfo)
		}
		j.Info = append(j.Info, c)
	}
	return nil
}

func parseContent(n xmlstream.Node) (Content, error) {
	name, err := wire.Bounded(n, "name", maxName)
	if err != nil {
		return Content{}, err
	}
	c := Content{Name: name, Creator: Creator(n.Attr("creator"))}
	if c.Creator == "" {
		c.Creator = Initiator // the default, XEP-0166 §7.3
	}
	if c.Creator != Initiator && c.Creator != Responder {
		return Content{}, wire.Bad("unknown creator %s", wire.Quote(string(c.Creator)))
	}
	if c.Disposition = n.Attr("disposition"); len(c.Disposition) > maxName {
		return Content{}, wire.NotAcceptable("'disposition' is longer than %d bytes", maxName)
	}
	switch c.Senders = n.Attr("senders"); c.Senders {
	case "", "both", "initiator", "none", "responder":
	default:
		return Content{}, wire.Bad("unknown senders %s", wire.Quote(c.Senders))
	}
	for child := range n.Elements() {
		var slot *xmlstream.Node
		switch child.Name.Local {
		case "description":
			slot = &c.Description
		case "transport":
			slot = &c.Transport
		case "security":
			slot = &c.Security
		default:
			continue
		}
		if !slot.IsZero() {
			return Content{}, wire.Bad("content %s has two <%s/>", wire.Quote(name), child.Name.Local)
		}
		*slot = child
	}
	return c, nil
}

func parseReason(n xmlstream.Node) Reason {
	var r Reason
	for c := range n.Elements() {
		switch {
		case c.Name.Space != NS:
			// Details of an application; the condition says enough.
		case c.Name.Local == "text":
			r.Text = wire.Cut(c.InnerText(), maxText)
		case r.Condition == "":
			r.Condition = wire.Cut(c.Name.Local, maxName)
			if sid, ok := c.Child(NS, "sid"); ok && r.Condition == AlternativeSession {
				r.Alternative = wire.Cut(sid.InnerText(), MaxSID)
			}
		}
	}
	return r
}

// Encode writes <jingle/>.
func (j Jingle) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "jingle")
	e.Attr("action", string(j.Action))
	wire.OptionalAttr(e, "initiator", j.Initiator.String())
	wire.OptionalAttr(e, "responder", j.Responder.String())
	e.Attr("sid", j.SID)
	for _, c := range j.Contents {
		c.encode(e)
	}
	if j.Reason != nil {
		j.Reason.encode(e)
	}
	for _, n := range j.Info {
		n.Encode(e)
	}
	e.End()
}

func (c Content) encode(e *xmlstream.Encoder) {
	e.Start(NS, "content")
	e.Attr("creator", string(c.Creator))
	wire.OptionalAttr(e, "disposition", c.Disposition)
	e.Attr("name", c.Name)
	wire.OptionalAttr(e, "senders", c.Senders)
	for _, n := range []xmlstream.Node{c.Description, c.Transport, c.Security} {
		if !n.IsZero() {
			n.Encode(e)
		}
	}
	e.End()
}

func (r Reason) encode(e *xmlstream.Encoder) {
	e.Start(NS, "reason")
	if r.Condition != "" {
		e.Start(NS, r.Condition)
		if r.Condition == AlternativeSession {
			wire.OptionalLeaf(e, NS, "sid", r.Alternative)
		}
		e.End()
	}
	wire.OptionalLeaf(e, NS, "text", r.Text)
	e.End()
}
