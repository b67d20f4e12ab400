package path

// facts is all that the choice of a path depends on.
type facts struct {
	route   Route
	server  bool  // the stream to the server is up
	mode    Mode  // what carries now
	carrier trust // of the link that carries now, when mode says one does

	link   trust // of the best link
	none   bool  // there is no link at all
	same   bool  // the best link is the one that carries now
	relay  bool  // the best link goes through a relay
	barred bool  // the best link cannot carry without breaking the order: what must not go direct is still under way
	tired  bool  // links were lost too often lately
	clear  bool  // everything before is at the device, or went before on the best link
	stale  bool  // the path that carries now has not confirmed for too long: it counts as dead for this chat
	shaky  bool  // the best link has lost trust before
	steady bool  // enough time has passed since the last return to a link that had lost trust, or from a relay

	waiting bool // a new message waits
	brisk   bool // messages follow each other closely
	hold    hold
}

// hold is the state of the short barrier at a change of path.
type hold uint8

const (
	holdReady   hold = iota // may begin
	holdOn                  // new messages are being held
	holdOver                // just ended without success
	holdBackoff             // failed not long ago
	holdGivenUp             // failed so often that the change is made by sending the unconfirmed rest again
)

// verdict is the choice.
type verdict struct {
	mode   Mode
	best   bool // with ViaLink: over the best link; otherwise over the link that carries already
	hold   bool // hold new messages: a change of path is about to become possible
	reason string
}

// decide chooses what carries new messages. It is the whole policy; everything else only carries it out.
func decide(f facts) verdict {
	usable := !f.none && !f.barred
	switch f.route {
	case OnlyServer:
		if f.server {
			return verdict{mode: ViaServer, reason: "this chat goes by the server only"}
		}
		return verdict{reason: "no server"}
	case OnlyDirect:
		if usable && f.link == trusted && !f.relay {
			return verdict{mode: ViaLink, best: true, reason: "this chat goes direct only"}
		}
		return verdict{reason: "no direct link"}
	}
	if !f.server {
		if usable && f.link == trusted {
			return verdict{mode: ViaLink, best: true, reason: "no server"}
		}
		return verdict{reason: "no server and no trusted link"}
	}
	carrying := f.mode == ViaLink || f.mode == DoubledUp
	switch {
	case f.none:
		return verdict{mode: ViaServer, reason: "no link"}
	case f.barred:
		return verdict{mode: ViaServer, reason: "the link may not carry yet"}
	case f.link == unproven:
		return verdict{mode: ViaServer, reason: "the link is not proven"}
	case f.link == lapsed && f.same && carrying:
		return verdict{mode: DoubledUp, reason: "the link does not answer"}
	case f.link == lapsed:
		return verdict{mode: ViaServer, reason: "the link does not answer"}
	case f.same && f.mode == DoubledUp && !f.steady:
		return verdict{mode: DoubledUp, reason: "the link lost trust too often"}
	case f.same && carrying:
		return verdict{mode: ViaLink, best: true, reason: "the link is trusted"}
	}
	return change(f, carrying)
}

// change decides about moving from a working path (the server, or another link) to a trusted link.
func change(f facts, carrying bool) verdict {
	move := func(reason string) verdict { return verdict{mode: ViaLink, best: true, reason: reason} }
	stay := verdict{mode: ViaServer, reason: "earlier messages are not confirmed yet"}
	if carrying && f.carrier == trusted {
		stay.mode = f.mode
	}
	switch {
	case carrying && f.carrier != trusted:
		return move("the link before does not answer")
	case carrying && f.shaky && !f.steady:
		stay.reason = "the link lost trust too often"
		return stay
	case f.tired:
		stay.reason = "links were lost too often"
		return stay
	case f.clear:
		return move("everything before is confirmed")
	case f.stale:
		return move("the path before does not answer")
	case f.hold == holdGivenUp:
		return move("the path before confirms too slowly")
	case f.hold == holdOn, f.hold == holdReady && f.waiting && f.brisk:
		stay.hold = true
	}
	return stay
}
