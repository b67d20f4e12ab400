package sasl2

import (
	"godwit/xep/internal/wire"
	"godwit/xep/sasl1"
	"godwit/xep/sm"
	"godwit/xmlstream"
)

// Encode writes the stream feature.
func (v Authentication) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "authentication")
	for _, name := range v.Mechanisms {
		e.Leaf(NS, "mechanism", name)
	}
	if v.SM || v.Bind != nil || v.Fast != nil || len(v.Inline) > 0 {
		e.Start(NS, "inline")
		if v.SM {
			sm.Feature{}.Encode(e)
		}
		if v.Bind != nil {
			v.Bind.Encode(e)
		}
		if v.Fast != nil {
			v.Fast.Encode(e)
		}
		encodeNodes(e, v.Inline)
		e.End()
	}
	e.End()
}

// Encode writes <authenticate/>.
func (v Authenticate) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "authenticate")
	e.Attr("mechanism", v.Mechanism)
	encodeData(e, "initial-response", v.Initial)
	if v.Agent != (UserAgent{}) {
		v.Agent.encode(e)
	}
	if v.Resume != nil {
		v.Resume.Encode(e)
	}
	if v.Bind != nil {
		v.Bind.Encode(e)
	}
	if v.Fast != nil {
		v.Fast.Encode(e)
	}
	if v.Token != nil {
		v.Token.Encode(e)
	}
	encodeNodes(e, v.Inline)
	e.End()
}

func (u UserAgent) encode(e *xmlstream.Encoder) {
	e.Start(NS, "user-agent")
	wire.OptionalAttr(e, "id", u.ID)
	wire.OptionalLeaf(e, NS, "software", u.Software)
	wire.OptionalLeaf(e, NS, "device", u.Device)
	e.End()
}

// Encode writes <challenge/>.
func (v Challenge) Encode(e *xmlstream.Encoder) { e.Leaf(NS, "challenge", wire.EncodeBase64(v.Data)) }

// Encode writes <response/>.
func (v Response) Encode(e *xmlstream.Encoder) { e.Leaf(NS, "response", wire.EncodeBase64(v.Data)) }

// Encode writes <abort/>.
func (v Abort) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "abort")
	wire.OptionalLeaf(e, NS, "text", v.Text)
	e.End()
}

// Encode writes <success/>.
func (v Success) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "success")
	encodeData(e, "additional-data", v.Data)
	e.Leaf(NS, "authorization-identifier", v.Authorization.String())
	if v.Resumed != nil {
		v.Resumed.Encode(e)
	}
	if v.ResumeFailed != nil {
		v.ResumeFailed.Encode(e)
	}
	if v.Bound != nil {
		v.Bound.Encode(e)
	}
	if v.Token != nil {
		v.Token.Encode(e)
	}
	encodeNodes(e, v.Other)
	e.End()
}

// Encode writes <failure/>.
func (v Failure) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "failure")
	if v.Condition == "" {
		v.Condition = sasl1.NotAuthorized
	}
	wire.Empty(e, sasl1.NS, string(v.Condition))
	encodeNodes(e, v.App)
	wire.OptionalLeaf(e, NS, "text", v.Text)
	e.End()
}

// Encode writes <continue/>.
func (v Continue) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "continue")
	encodeData(e, "additional-data", v.Data)
	e.Start(NS, "tasks")
	for _, task := range v.Tasks {
		e.Leaf(NS, "task", task)
	}
	e.End()
	wire.OptionalLeaf(e, NS, "text", v.Text)
	e.End()
}

// encodeData writes an element with base64 unless data is nil.
func encodeData(e *xmlstream.Encoder, local string, data []byte) {
	if data != nil {
		e.Leaf(NS, local, wire.EncodeBase64(data))
	}
}

func encodeNodes(e *xmlstream.Encoder, nodes []xmlstream.Node) {
	for _, n := range nodes {
		n.Encode(e)
	}
}
