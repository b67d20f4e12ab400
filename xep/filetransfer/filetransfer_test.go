package filetransfer_test

import (
	"testing"

	"godwit/xep/filemeta"
	"godwit/xep/filetransfer"
	"godwit/xep/hashes"
	"godwit/xep/internal/codectest"
)

const ns = ` xmlns='urn:xmpp:jingle:apps:file-transfer:5'`

func TestDescription(t *testing.T) {
	type row = codectest.Row[filetransfer.Description]
	codectest.Table(t, filetransfer.ParseDescription,
		row{Why: "an offer", XML: `<description` + ns + `><file><media-type>text/plain</media-type><name>test.txt</name><size>6144</size><hash-used xmlns='urn:xmpp:hashes:2' algo='sha-256'/><range/></file></description>`,
			Want: filetransfer.Description{File: filemeta.File{Name: "test.txt", Type: "text/plain", Size: 6144, Hashes: []hashes.Hash{{Algo: "sha-256"}}, Ranged: true}}},
		row{Why: "the rest of one", XML: `<description` + ns + `><file><range offset='270336'/></file></description>`,
			Want: filetransfer.Description{File: filemeta.File{Size: -1, Ranged: true, Offset: 270336}}},
		row{Why: "no file", XML: `<description` + ns + `/>`, Err: "bad-request"},
		row{Why: "an older version", XML: `<description xmlns='urn:xmpp:jingle:apps:file-transfer:4'/>`, Err: "bad-request"},
	)
}

func TestInfo(t *testing.T) {
	codectest.Table(t, filetransfer.ParseReceived,
		codectest.Row[filetransfer.Received]{Why: "it is there", XML: `<received` + ns + ` creator='initiator' name='file'/>`, Want: filetransfer.Received{Creator: "initiator", Name: "file"}},
		codectest.Row[filetransfer.Received]{Why: "no name", XML: `<received` + ns + `/>`, Want: filetransfer.Received{}},
		codectest.Row[filetransfer.Received]{Why: "something else", XML: `<checksum` + ns + `/>`, Err: "bad-request"},
	)
	codectest.Table(t, filetransfer.ParseChecksum,
		codectest.Row[filetransfer.Checksum]{Why: "the digest", XML: `<checksum` + ns + ` creator='initiator' name='file'><file><hash xmlns='urn:xmpp:hashes:2' algo='sha-256'>AQID</hash></file></checksum>`,
			Want: filetransfer.Checksum{Creator: "initiator", Name: "file", File: filemeta.File{Size: -1, Hashes: []hashes.Hash{{Algo: "sha-256", Value: []byte{1, 2, 3}}}}}},
		codectest.Row[filetransfer.Checksum]{Why: "of what?", XML: `<checksum` + ns + `/>`, Err: "bad-request"},
	)
}
