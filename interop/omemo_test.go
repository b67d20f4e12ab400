package interop

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOMEMO lets two stock clients publish their keys (XEP-0384 over XEP-0163), find each other's and talk so that the server reads nothing. It
// needs what no specification tells: that publish-options stand among the features of the domain, and that an error about a node that is not
// there carries the code of XEP-0086.
func TestOMEMO(t *testing.T) {
	t.Parallel()
	s := serve(t, alice, bob)
	left, right := startProfanity(t, s, alice).(*profanity), startProfanity(t, s, bob).(*profanity)
	for _, c := range []*profanity{left, right} {
		c.enter("/omemo trustmode blind")
		c.enter("/omemo gen")
		c.enter("/win 1")
		c.sees("Blind trust for " + c.account) // it has published its keys, and was told of them like any device
	}
	left.encrypts(bob)
	left.enter("/msg " + bob + " nobody else reads this")
	right.hears(alice, "nobody else reads this")
	right.encrypts(alice)
	right.write(alice, "nor this")
	left.hears(bob, "nor this")
	// What the server keeps of it is there, and says nothing.
	kept := ""
	files, err := filepath.Glob(filepath.Join(s.Data, "godwit.db*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("the server's data: %v, %v", files, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		kept += string(b)
	}
	if !strings.Contains(kept, "<encrypted xmlns='eu.siacs.conversations.axolotl'") {
		t.Error("no encrypted message is in the archive")
	}
	for _, text := range []string{"nobody else reads this", "nor this"} {
		if strings.Contains(kept, text) {
			t.Errorf("the server has read %q", text)
		}
	}
}

// encrypts begins to encrypt for somebody, who is no contact, and waits until their keys have been found.
func (c *profanity) encrypts(to string) {
	c.t.Helper()
	c.enter("/win " + to)
	c.enter("/omemo start " + to)
	c.sees("[OMEMO]")
	c.enter("/win 1")
	c.sees("Blind trust for " + to)
}
