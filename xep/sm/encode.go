package sm

import (
	"godwit/stanza"
	"godwit/xep/internal/wire"
	"godwit/xmlstream"
)

// Encode writes <sm/>.
func (Feature) Encode(e *xmlstream.Encoder) { wire.Empty(e, NS, "sm") }

// Encode writes <r/>.
func (Request) Encode(e *xmlstream.Encoder) { wire.Empty(e, NS, "r") }

// Encode writes <enable/>.
func (v Enable) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "enable")
	if v.Resume {
		e.Attr("resume", "true")
	}
	encodeSeconds(e, v.Max)
	e.End()
}

// Encode writes <enabled/>.
func (v Enabled) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "enabled")
	wire.OptionalAttr(e, "id", v.ID)
	if v.Resume {
		e.Attr("resume", "true")
	}
	encodeSeconds(e, v.Max)
	wire.OptionalAttr(e, "location", v.Location)
	e.End()
}

// Encode writes <resume/>.
func (v Resume) Encode(e *xmlstream.Encoder) { encodeResumption(e, "resume", v.PrevID, v.H) }

// Encode writes <resumed/>.
func (v Resumed) Encode(e *xmlstream.Encoder) { encodeResumption(e, "resumed", v.PrevID, v.H) }

func encodeResumption(e *xmlstream.Encoder, local, id string, h uint32) {
	e.Start(NS, local)
	encodeCount(e, "h", h)
	e.Attr("previd", id)
	e.End()
}

// Encode writes <failed/>.
func (v Failed) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "failed")
	if v.HasH {
		encodeCount(e, "h", v.H)
	}
	if v.Condition != "" {
		wire.Empty(e, stanza.NSStanzas, v.Condition)
	}
	wire.OptionalLeaf(e, stanza.NSStanzas, "text", v.Text)
	e.End()
}

// Encode writes <a/>.
func (v Ack) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "a")
	encodeCount(e, "h", v.H)
	e.End()
}

// Encode writes <handled-count-too-high/>.
func (v HandledCountTooHigh) Encode(e *xmlstream.Encoder) {
	e.Start(NS, "handled-count-too-high")
	encodeCount(e, "h", v.H)
	encodeCount(e, "send-count", v.SendCount)
	e.End()
}
