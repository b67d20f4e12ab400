package deliver

import "godwit/stanza"

// facts are what the decision about storing a message rests on.
type facts struct {
	keepable      bool // account.Keepable: it is worth waiting for an absent recipient
	toSelf        bool // sender and recipient are one account
	senderKeeps   bool // the sender's archive wants it
	receiverKeeps bool // the recipient's archive wants it
	reachable     bool // the recipient has a resource that would get it now
	text          bool // it has something to read, so that it is worth a notice at the next sign-in
	acknowledged  bool // the sender's stream has acknowledgements, so its h must mean that the message is safe (XEP-0198 §4)
}

// plan says where a message is stored before it is acknowledged.
type plan struct {
	senderArchive, receiverArchive bool
	inbox                          bool
}

// makePlan decides what has to be on disk. The archives get what they want. The inbox gets what nobody can take now, and what nobody but the
// recipient's live session would have if the machine lost power after the acknowledgement. Receipts and the like that the archive has do not
// wait in the inbox as well: hundreds of them would crowd out what people wrote.
func makePlan(f facts) plan {
	if !f.keepable {
		return plan{}
	}
	p := plan{receiverArchive: f.receiverKeeps, senderArchive: f.senderKeeps && !f.toSelf}
	p.inbox = !f.reachable && (f.text || !f.receiverKeeps) || f.acknowledged && !f.receiverKeeps
	return p
}

// archivable reports whether archives keep a message at all (XEP-0313 §5.1.1): what would wait for an absent recipient, for the same reasons.
func archivable(st *stanza.Stanza, keepable bool) bool {
	return keepable && st.Type != stanza.ErrorType
}
