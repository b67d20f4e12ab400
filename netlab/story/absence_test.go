package story

import "testing"

// TestAbsence: what is written to somebody away waits, arrives at the next sign-in, and is confirmed.
func TestAbsence(t *testing.T) {
	s := StartServer(t, Loopback, "127.0.0.1")
	for _, account := range []string{"alice@localhost", "bob@localhost"} {
		s.AddAccount(t, account)
	}
	dir := t.TempDir()
	alice := SignIn(t, Loopback, s, "alice@localhost", t.TempDir())
	bob := SignIn(t, Loopback, s, "bob@localhost", dir)
	Befriend(t, alice, bob)
	alice.Write(t, bob, "m0", alice.Numbered(0))
	alice.LinkUp(t, bob)
	alice.Write(t, bob, "m1", alice.Numbered(1))
	alice.Await(t, "the second tick", func(e Event) bool { return e.Event == "delivered" && e.ID == "m1" })
	bob.Quit(t)
	alice.Await(t, "bob's leaving", func(e Event) bool { return e.Event == "presence" && !e.Available })
	for i := 2; i < 5; i++ {
		alice.Write(t, bob, "m"+string(rune('0'+i)), alice.Numbered(i))
	}
	alice.Await(t, "the first tick", func(e Event) bool { return e.Event == "sent" && e.ID == "m4" && e.Path == "server" })
	again := SignIn(t, Loopback, s, "bob@localhost", dir)
	again.Await(t, "what waited", func(e Event) bool { return e.Event == "message" && e.Body == alice.Numbered(4) })
	if got := again.Bodies(alice); len(got) != 3 || got[0] != alice.Numbered(2) {
		t.Errorf("bob got %q; want the three that waited", got)
	}
	alice.Await(t, "the second tick", func(e Event) bool { return e.Event == "delivered" && e.ID == "m4" })
	alice.Write(t, again, "m5", alice.Numbered(5))
	alice.LinkUps(t, again, 2)
}
