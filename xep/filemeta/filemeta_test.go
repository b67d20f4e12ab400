package filemeta_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"godwit/xep/filemeta"
	"godwit/xep/hashes"
	"godwit/xep/internal/codectest"
	"godwit/xmlstream"
)

// own writes and reads in the namespace of XEP-0446.
type own struct{ filemeta.File }

func (o own) Encode(e *xmlstream.Encoder) { o.File.Encode(e, filemeta.NS) }

func parse(n xmlstream.Node) (own, error) {
	f, err := filemeta.Parse(n, filemeta.NS)
	return own{f}, err
}

const ns = ` xmlns='urn:xmpp:file:metadata:0'`

func TestFile(t *testing.T) {
	type row = codectest.Row[own]
	codectest.Table(t, parse,
		row{Why: "nothing known", XML: `<file` + ns + `/>`, Want: own{filemeta.File{Size: -1}}},
		row{Why: "all of it", XML: `<file` + ns + `><media-type>image/jpeg</media-type><name>夏天 summit.jpg</name><date>2026-07-26T21:46:00Z</date><size>3032449</size><width>4096</width><height>2160</height><hash xmlns='urn:xmpp:hashes:2' algo='sha-256'>AQID</hash><desc>Photo.</desc><range offset='5'/></file>`,
			Want: own{filemeta.File{Name: "夏天 summit.jpg", Type: "image/jpeg", Size: 3032449, Desc: "Photo.", Date: time.Date(2026, 7, 26, 21, 46, 0, 0, time.UTC),
				Hashes: []hashes.Hash{{Algo: "sha-256", Value: []byte{1, 2, 3}}}, Width: 4096, Height: 2160, Ranged: true, Offset: 5}}},
		row{Why: "an empty file", XML: `<file` + ns + `><size>0</size></file>`, Want: own{filemeta.File{}}},
		row{Why: "what makes no sense is left out", XML: `<file` + ns + `><size>-5</size><width>huge</width><date>soon</date><hash xmlns='urn:xmpp:hashes:2' algo='x'>!</hash></file>`,
			Want: own{filemeta.File{Size: -1}}, Out: `<file` + ns + `/>`},
		row{Why: "a path for a name", XML: `<file` + ns + `><name>../../etc/passwd</name></file>`, Want: own{filemeta.File{Name: "passwd", Size: -1}}, Out: `<file` + ns + `><name>passwd</name></file>`},
		row{Why: "another element", XML: `<x` + ns + `/>`, Err: "bad-request"},
	)
}

func TestCleanName(t *testing.T) {
	for in, want := range map[string]string{
		"photo.jpg":                        "photo.jpg",
		"年度报告 (终).pdf":                     "年度报告 (终).pdf",
		"../../.ssh/authorized_keys":       "authorized_keys",
		`C:\Windows\system32\a.dll`:        "a.dll",
		"..":                               "",
		".":                                "",
		"":                                 "",
		"/":                                "",
		"a/":                               "",
		".bashrc":                          "bashrc",
		"...hidden":                        "hidden",
		"ends.":                            "ends",
		"invoice\u202egpj.exe":             "invoicegpj.exe",
		"zero\u200bwidth\ufeff.txt":        "zerowidth.txt",
		"line\nbreak\x00\x1b[31m.txt":      "linebreak[31m.txt",
		"a:b*c?.txt":                       "a_b_c_.txt",
		"NUL":                              "_NUL",
		"com1.txt":                         "_com1.txt",
		"a\u00a0b\u2028.txt":               "a b.txt",
		"\xff\xfebad.txt":                  "bad.txt",
		strings.Repeat("长", 100) + ".jpeg": strings.Repeat("长", 65) + ".jpeg",
	} {
		if got := filemeta.CleanName(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func FuzzCleanName(f *testing.F) {
	for _, s := range []string{"a.txt", "../a", `..\..`, "\u202e", "NUL.", strings.Repeat("x", 500), "a/.", "\xff/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := filemeta.CleanName(s)
		if len(got) > filemeta.MaxName+1 || strings.ContainsAny(got, "/\\\x00\n\r\u202e") || got == "." || got == ".." || strings.HasPrefix(got, ".") || !utf8.ValidString(got) {
			t.Errorf("%q becomes %q", s, got)
		}
		if again := filemeta.CleanName(got); again != got {
			t.Errorf("%q becomes %q and then %q", s, got, again)
		}
	})
}
