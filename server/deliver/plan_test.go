package deliver

import (
	"testing"

	"godwit/stanza"
)

func TestPlan(t *testing.T) {
	for _, c := range []struct {
		why string
		f   facts
		p   plan
	}{
		{"what is not worth keeping is not stored, whoever asks", facts{senderKeeps: true, receiverKeeps: true, acknowledged: true}, plan{}},
		{"nobody is there and nobody archives: it waits", facts{keepable: true}, plan{inbox: true}},
		{"nobody is there: it waits, and both archives have it", facts{keepable: true, text: true, senderKeeps: true, receiverKeeps: true},
			plan{senderArchive: true, receiverArchive: true, inbox: true}},
		{"a receipt for somebody absent is in the archive, and crowds nothing out of the inbox", facts{keepable: true, receiverKeeps: true},
			plan{receiverArchive: true}},
		{"somebody is there, nothing promised: nothing is stored", facts{keepable: true, reachable: true}, plan{}},
		{"somebody is there and the recipient archives: that is promise enough", facts{keepable: true, reachable: true, receiverKeeps: true, acknowledged: true},
			plan{receiverArchive: true}},
		{"somebody is there, but h promises it is safe and no archive has it", facts{keepable: true, reachable: true, acknowledged: true}, plan{inbox: true}},
		{"the sender's archive does not help the recipient", facts{keepable: true, reachable: true, acknowledged: true, senderKeeps: true},
			plan{senderArchive: true, inbox: true}},
		{"a note to oneself is in the archive once", facts{keepable: true, reachable: true, toSelf: true, senderKeeps: true, receiverKeeps: true},
			plan{receiverArchive: true}},
	} {
		if got := makePlan(c.f); got != c.p {
			t.Errorf("%s: %+v, want %+v", c.why, got, c.p)
		}
	}
}

func TestArchivable(t *testing.T) {
	if archivable(&stanza.Stanza{Kind: stanza.Message, Type: stanza.ErrorType}, true) {
		t.Error("errors are no part of a conversation")
	}
	if archivable(&stanza.Stanza{Kind: stanza.Message, Type: stanza.Chat}, false) {
		t.Error("what is not worth keeping is not archived")
	}
}
