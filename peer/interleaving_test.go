package peer

import (
	"math/rand"
	"slices"
	"testing"
	"time"
)

// explore runs every order in which things can happen, by repeating the world
// from the beginning for each.
func explore(t *testing.T, fresh func() *world, inOrder bool, check func(*world, []string)) int {
	t.Helper()
	runs := 0
	choices := []int{}
	for {
		w := fresh()
		var widths []int
		var names []string
		for step := 0; ; step++ {
			list := w.actions(inOrder)
			if len(list) == 0 {
				break
			}
			if step == len(choices) {
				choices = append(choices, 0)
			}
			widths = append(widths, len(list))
			names = append(names, list[choices[step]].name)
			list[choices[step]].run()
		}
		runs++
		check(w, names)
		// The next sequence, as one counts with digits of different bases.
		last := len(widths) - 1
		for ; last >= 0 && choices[last]+1 >= widths[last]; last-- {
		}
		if last < 0 {
			return runs
		}
		choices = append(choices[:last], choices[last]+1)
	}
}

// TestEveryInterleavingEndsInOneLink lets both sides offer at any moment relative
// to each other. The server keeps the order of stanzas; nothing else is ordered.
func TestEveryInterleavingEndsInOneLink(t *testing.T) {
	tests := []struct {
		why                    string
		aliceOffers, bobOffers []string
		trickle                int
	}{
		{"one side only, with candidates found later", []string{"s1"}, nil, 1},
		{"alice's id is lower", []string{"s1"}, []string{"s2"}, 0},
		{"bob's id is lower", []string{"s2"}, []string{"s1"}, 0},
		{"equal ids are decided by the address", []string{"s"}, []string{"s"}, 0},
	}
	for _, test := range tests {
		t.Run(test.why, func(t *testing.T) {
			runs := explore(t, func() *world { return newWorld(t, test.aliceOffers, test.bobOffers, test.trickle) }, true,
				func(w *world, names []string) {
					w.checkAnswers()
					a, restA := w.sides[0].ready()
					b, restB := w.sides[1].ready()
					if len(a) != 1 || !slices.Equal(a, b) || len(restA)+len(restB) != 0 {
						t.Fatalf("alice has %v and %v, bob %v and %v after %q", a, restA, b, restB, names)
					}
					key := w.sides[0].machine.Sessions()[0]
					if w.sides[0].machine.sessions[key].role == w.sides[1].machine.sessions[Key{alice, key.SID}].role {
						t.Fatalf("both have the same role after %q", names)
					}
				})
			t.Logf("%d orders", runs)
		})
	}
}

// TestSimultaneousOffersFollowTheRule looks at the one order that matters: both
// offers are on their way.
func TestSimultaneousOffersFollowTheRule(t *testing.T) {
	for _, test := range []struct{ aliceSID, bobSID, winner string }{
		{"a", "b", "a"},
		{"b", "a", "a"},
		{"B", "a", "B"},  // i;octet: capitals are lower
		{"a", "aa", "a"}, // a prefix is lower
		{"10", "9", "10"},
	} {
		w := newWorld(t, []string{test.aliceSID}, []string{test.bobSID}, 0)
		for range 2 { // both offer before anything is delivered
			for _, a := range w.actions(true) {
				if a.name == "alice@example.org/a offers" || a.name == "bob@example.org/b offers" {
					a.run()
				}
			}
		}
		for list := w.actions(true); len(list) > 0; list = w.actions(true) {
			list[0].run()
		}
		got, _ := w.sides[0].ready()
		if len(got) != 1 || got[0] != test.winner {
			t.Errorf("%q against %q ended in %v", test.aliceSID, test.bobSID, got)
		}
		loser := test.aliceSID
		if loser == test.winner {
			loser = test.bobSID
		}
		for _, s := range w.sides {
			if r, had := s.ended[loser]; had && r.Condition != TieBreak {
				t.Errorf("%v: the other offer ended with %v", s.self, r)
			}
		}
	}
}

// TestDisorderIsSurvived reorders and repeats stanzas, which no server does, and
// ends sessions at any moment. Whatever happens, every request is answered, and
// once deadlines have passed both sides agree on what there is.
func TestDisorderIsSurvived(t *testing.T) {
	seeds := 1000
	if testing.Short() {
		seeds = 300
	}
	links := 0
	for seed := range seeds {
		random := rand.New(rand.NewSource(int64(seed)))
		w := newWorld(t, []string{"s1", "s4", "s5"}, []string{"s2", "s3", "s6"}, 2)
		disorder := random.Intn(3) // 0: in order, but with endings
		for step := 0; step < 200; step++ {
			list := w.actions(disorder == 0)
			if len(list) == 0 {
				break
			}
			if disorder == 2 && random.Intn(8) == 0 {
				to := random.Intn(2)
				if n := len(w.wires[to]); n > 0 {
					w.sides[to].deliver(w.wires[to][random.Intn(n)]) // and it stays queued
				}
			}
			if random.Intn(20) == 0 {
				s := w.sides[random.Intn(2)]
				if keys := s.machine.Sessions(); len(keys) > 0 {
					s.do(s.machine.Ended(keys[random.Intn(len(keys))], "success"))
				}
			}
			list = w.actions(disorder == 0)
			if len(list) > 0 {
				list[random.Intn(len(list))].run()
			}
		}
		settle(w, disorder == 0)
		w.checkAnswers()
		a, restA := w.sides[0].ready()
		b, restB := w.sides[1].ready()
		slices.Sort(a)
		slices.Sort(b)
		if !slices.Equal(a, b) || len(restA)+len(restB) > 0 {
			t.Fatalf("seed %d: alice has %v and %v, bob %v and %v", seed, a, restA, b, restB)
		}
		if disorder == 0 && len(a) > 1 {
			t.Fatalf("seed %d: %d links", seed, len(a))
		}
		links += len(a)
		for _, s := range w.sides {
			if len(s.machine.pending) > 0 {
				t.Fatalf("seed %d: %v still waits for %v", seed, s.self, s.machine.pending)
			}
			if !s.machine.Deadline().IsZero() {
				t.Fatalf("seed %d: a deadline is left", seed)
			}
		}
	}
	if links == 0 {
		t.Error("nothing ever connected: the test tests nothing")
	}
}

// settle delivers what is on its way and lets deadlines pass, until nothing moves.
func settle(w *world, inOrder bool) {
	for range 10 {
		for list := w.actions(inOrder); len(list) > 0; list = w.actions(inOrder) {
			list[0].run()
		}
		w.now = w.now.Add(time.Minute)
		for _, s := range w.sides {
			s.do(s.machine.Tick(w.now))
		}
	}
}
